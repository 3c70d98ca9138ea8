// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import PackageDescription

/// Every source target is compiled under the same strict rules; a warning is an error.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
    name: "umwelt",
    products: [
        .executable(name: "umweltd", targets: ["umweltd"]),
        .executable(name: "umwelt", targets: ["umwelt"]),
        .executable(name: "umwelt-keydns", targets: ["umwelt-keydns"]),
        // For Services.
        .library(name: "PodDNS", targets: ["PodDNS"]),
        .library(name: "Resolver", targets: ["Resolver"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
    ],
    targets: [
        // The edge of the system.
        .target(name: "CLinux"),
        // For a program whose start is waited for.
        .target(name: "CArguments"),
        .target(name: "Kernel", dependencies: ["CLinux"]),
        // Pure: no system module, no file, no clock.
        .target(name: "Samples"),
        .target(name: "ProcView", dependencies: ["Samples"]),
        .target(name: "FuseWire", dependencies: ["CLinux"]),
        .target(name: "OCISpec"),
        .target(name: "Resolver"),
        .target(name: "KeyDNS", dependencies: ["Resolver"]),
        .target(name: "PodDNS"),
        // What joins the two.
        .target(name: "Cgroups", dependencies: ["Kernel", "Samples"]),
        .target(name: "FuseServer", dependencies: ["Kernel", "FuseWire"]),
        .target(name: "ProcFS", dependencies: ["Kernel", "Samples", "Cgroups", "ProcView", "FuseWire", "FuseServer"]),
        .target(name: "NodeLink", dependencies: ["Kernel"]),
        .target(name: "Keeper", dependencies: ["FuseWire"]),
        .target(name: "Attachment", dependencies: ["Kernel", "Samples"]),
        .target(name: "Upcall", dependencies: ["Kernel", "Resolver", "KeyDNS"]),
        // Programs: argv, signals, wiring.
        .executableTarget(
            name: "umweltd",
            dependencies: [
                "Kernel", "Cgroups", "FuseWire", "FuseServer", "ProcFS", "NodeLink", "Keeper", "Attachment",
            ],
            // One static file: starts in a millisecond and needs nothing of the node it is copied to.
            linkerSettings: [.unsafeFlags(["-static-executable"])]
        ),
        .executableTarget(
            name: "umwelt-keydns",
            dependencies: ["CArguments", "Kernel", "Resolver", "KeyDNS", "Upcall"],
            exclude: ["link-order"],
            // The kernel starts it for each name: every library to load would be waited for, and so is every page. It begins in
            // CArguments; what it touches lies together, in the order of its first use.
            linkerSettings: [
                .unsafeFlags([
                    "-static-executable", "-Xlinker", "-e", "-Xlinker", "carguments_start", "-use-ld=lld",
                    "-Xlinker", "--symbol-ordering-file=\(Context.packageDirectory)/Sources/umwelt-keydns/link-order",
                    "-Xlinker", "--no-warn-symbol-ordering",
                ])
            ]
        ),
        .executableTarget(
            name: "umwelt",
            dependencies: [
                "Kernel", "Samples", "Cgroups", "ProcFS", "NodeLink", "OCISpec", "Attachment", "Resolver", "KeyDNS",
                "Upcall",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        .testTarget(name: "SamplesTests", dependencies: ["Samples"]),
        .testTarget(name: "ProcViewTests", dependencies: ["ProcView", "Samples"]),
        .testTarget(name: "KernelTests", dependencies: ["Kernel"]),
        .testTarget(name: "FuseWireTests", dependencies: ["FuseWire", "CLinux"]),
        .testTarget(name: "CgroupsTests", dependencies: ["Cgroups", "Samples", "Kernel"]),
        .testTarget(name: "FuseServerTests", dependencies: ["FuseServer", "FuseWire", "Kernel", "CLinux"]),
        .testTarget(
            name: "ProcFSTests",
            dependencies: ["ProcFS", "FuseServer", "FuseWire", "Cgroups", "ProcView", "Samples", "Kernel"]
        ),
        .testTarget(name: "NodeLinkTests", dependencies: ["NodeLink", "Kernel"]),
        .testTarget(name: "KeeperTests", dependencies: ["Keeper", "FuseWire"]),
        .testTarget(name: "AttachmentTests", dependencies: ["Attachment", "Samples", "Kernel"]),
        .testTarget(name: "OCISpecTests", dependencies: ["OCISpec"]),
        .testTarget(name: "ResolverTests", dependencies: ["Resolver"]),
        .testTarget(name: "KeyDNSTests", dependencies: ["KeyDNS", "Resolver"]),
        .testTarget(
            name: "CommandTests",
            dependencies: ["umwelt", "Kernel", "OCISpec", "Samples", "Attachment", "KeyDNS", "Resolver", "Upcall"]
        ),
        .testTarget(name: "PodDNSTests", dependencies: ["PodDNS"], exclude: ["Fixtures"]),
        .testTarget(name: "TidyTests"),
        .testTarget(
            name: "NodeTests",
            dependencies: ["Kernel", "NodeLink", "Samples", "KeyDNS", "Resolver", "Upcall"]
        ),
    ]
)

/// What umwelt-keydns consists of.
///
/// It lives for a millisecond: types are asked for directly, so that the runtime's
/// reader of mangled names, and the pages it is in, are never needed. Each function
/// is a section, so that the linker can put those that are needed together.
let brief: Set = ["Kernel", "Resolver", "KeyDNS", "Upcall", "umwelt-keydns"]

for target in package.targets where brief.contains(target.name) {
    target.swiftSettings = [
        .unsafeFlags([
            "-Xfrontend", "-disable-concrete-type-metadata-mangled-name-accessors", "-Xfrontend", "-function-sections",
        ])
    ]
}

for target in package.targets where target.type != .test && !["CLinux", "CArguments"].contains(target.name) {
    target.swiftSettings = (target.swiftSettings ?? []) + strict
}
