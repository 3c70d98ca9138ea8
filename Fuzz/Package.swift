// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import PackageDescription

// Fuzz targets, one for every decoder: `swift build --sanitize fuzzer --product FuzzMemoryStat`, then run the program
// on its seeds (`.build/debug/FuzzMemoryStat -max_total_time=60 corpus seeds/FuzzMemoryStat`, corpus an empty folder). What it finds becomes a unit test.
//
// The modules under test are links to the root package's folders: `package` declarations end at a package's edge.

/// One folder under Sources for each, its name.
let targets = [
    "FuzzBlkio", "FuzzCgroupMembership", "FuzzCPUInfo", "FuzzCPUList", "FuzzCPUMask", "FuzzCPUQuota", "FuzzCPUStat",
    "FuzzCpuacct", "FuzzDiskstats", "FuzzHostClock", "FuzzHostStat", "FuzzIOStat", "FuzzLimit", "FuzzMemInfo",
    "FuzzMemoryStat", "FuzzMountInfo", "FuzzPressure", "FuzzProcessStat", "FuzzProcessStatus", "FuzzSwaps",
    "FuzzTimeOffsets",
]

/// Those that reach beyond the parsers.
let deepTargets = ["FuzzFuse", "FuzzMessage"]

/// Those of a pod's DNS.
let dnsTargets = ["FuzzIPAddress", "FuzzPodDNS"]

/// Those of names.
let nameTargets = ["FuzzDNSLookup", "FuzzDNSMessage", "FuzzKeyPayload", "FuzzKeyPolicy", "FuzzResolvConf"]

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
    name: "fuzz",
    targets: [
        .target(name: "Samples", swiftSettings: settings),
        .target(name: "ProcView", dependencies: ["Samples"], swiftSettings: settings),
        .target(name: "Input", swiftSettings: settings),
        .target(name: "PodDNS", swiftSettings: settings),
        .target(name: "CLinux"),
        .target(name: "Kernel", dependencies: ["CLinux"], swiftSettings: settings),
        .target(name: "FuseWire", dependencies: ["CLinux"], swiftSettings: settings),
        .target(name: "FuseServer", dependencies: ["Kernel", "FuseWire"], swiftSettings: settings),
        .target(name: "NodeLink", dependencies: ["Kernel"], swiftSettings: settings),
        .target(name: "Resolver", swiftSettings: settings),
        .target(name: "KeyDNS", dependencies: ["Resolver"], swiftSettings: settings),
    ]
        + targets.map {
            .executableTarget(
                name: $0,
                dependencies: ["Input", "ProcView", "Samples"],
                swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]
            )
        }
        + deepTargets.map {
            .executableTarget(
                name: $0,
                dependencies: ["Input", "Kernel", "FuseWire", "FuseServer", "NodeLink"],
                swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]
            )
        }
        + dnsTargets.map {
            .executableTarget(
                name: $0,
                dependencies: ["Input", "PodDNS"],
                swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]
            )
        }
        + nameTargets.map {
            .executableTarget(
                name: $0,
                dependencies: ["Input", "Resolver", "KeyDNS"],
                swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]
            )
        }
)
