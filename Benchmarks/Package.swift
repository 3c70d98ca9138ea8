// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import PackageDescription

// A package of its own: it measures programs from outside, so it needs nothing of the root package. The rules are the
// root's, but for strict memory safety: what it shares with its readers is raw memory through and through.
let package = Package(
    name: "umwelt-benchmarks",
    targets: [
        .target(name: "CBench"),
        .executableTarget(
            name: "umwelt-bench",
            dependencies: ["CBench"],
            swiftSettings: [
                .swiftLanguageMode(.v6),
                .treatAllWarnings(as: .error),
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("InternalImportsByDefault"),
                .enableUpcomingFeature("MemberImportVisibility"),
            ],
            linkerSettings: [.unsafeFlags(["-static-executable"])]
        ),
    ]
)
