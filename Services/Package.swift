// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import PackageDescription

// What faces Kubernetes: its programs are installed in libexec/umwelt, and `umwelt` executes them. YAML, gRPC and NIO
// live only here; the root package never depends on this one. A first debug build with gRPC takes minutes, so what does
// not need it is in targets of its own: `swift build --target KubeletSettings` builds Yams and no more.

/// As in the root package.
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
    name: "services",
    // For gRPC, which says so; these programs are for Linux.
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "KubeletSettings", targets: ["KubeletSettings"])
    ],
    dependencies: [
        // With its name: without it the dependency would be called by the checkout's folder.
        .package(name: "umwelt", path: ".."),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
    ],
    targets: [
        // YAML and JSON, as values.
        .target(name: "Documents", dependencies: [.product(name: "Yams", package: "Yams")]),
        // Files of this node.
        .target(name: "LocalFiles"),
        // What the kubelet of this node was told.
        .target(name: "KubeletSettings", dependencies: ["Documents", "LocalFiles"]),
        // What programs say and how they end.
        .target(
            name: "Terminal",
            dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")]
        ),
        // Pods as manifests have them.
        .target(name: "Manifests", dependencies: ["Documents", .product(name: "PodDNS", package: "umwelt")]),
        // The node as the kubelet and its runtime see it.
        .target(
            name: "NodeDNS",
            dependencies: [
                "Documents", "LocalFiles", "KubeletSettings", "Terminal", .product(name: "PodDNS", package: "umwelt"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        .target(name: "CNetns"),
        // umwelt dns: needs no gRPC.
        .executableTarget(
            name: "umwelt-dns",
            dependencies: [
                "CNetns", "DockerEngine", "Documents", "LocalFiles", "KubeletSettings", "Manifests", "NodeDNS",
                "Terminal",
                .product(name: "PodDNS", package: "umwelt"), .product(name: "Resolver", package: "umwelt"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        // What of it `umwelt keydns` needs, as lines.
        .executableTarget(name: "umwelt-kubelet", dependencies: ["KubeletSettings", "Documents"]),
        // The Container Runtime Interface: generated, see scripts/protos.
        .target(
            name: "CRI",
            dependencies: [
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
            ]
        ),
        // Its client, on a unix socket.
        .target(
            name: "CRIClient",
            dependencies: [
                "CRI", "LocalFiles",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
            ]
        ),
        // What a manifest's pod asks of a node.
        .target(
            name: "Pods",
            dependencies: ["Documents", "Manifests", .product(name: "PodDNS", package: "umwelt")]
        ),
        // The Docker Engine's API.
        .target(name: "DockerEngine", dependencies: ["Documents", "LocalFiles"]),
        // umwelt pod.
        .executableTarget(
            name: "umwelt-pod",
            dependencies: [
                "CRI", "CRIClient", "DockerEngine", "Documents", "KubeletSettings", "LocalFiles", "Manifests",
                "NodeDNS", "Pods",
                "Terminal",
                .product(name: "PodDNS", package: "umwelt"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
            ]
        ),
        .testTarget(name: "DocumentsTests", dependencies: ["Documents"]),
        .testTarget(name: "LocalFilesTests", dependencies: ["LocalFiles"]),
        .testTarget(
            name: "ManifestsTests",
            dependencies: ["Manifests", "Documents", .product(name: "PodDNS", package: "umwelt")]
        ),
        .testTarget(name: "PodsTests", dependencies: ["Pods", "Manifests", "Documents"]),
        .testTarget(
            name: "DNSProgramTests",
            dependencies: [
                "umwelt-dns", "Documents", "KubeletSettings", "NodeDNS", .product(name: "PodDNS", package: "umwelt"),
            ]
        ),
        .testTarget(
            name: "PodProgramTests",
            dependencies: [
                "umwelt-pod", "CRI", "CRIClient", "DockerEngine", "Documents", "LocalFiles", "Pods", "Terminal",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
            ]
        ),
        .testTarget(name: "DockerEngineTests", dependencies: ["DockerEngine"]),
        // Decoders on texts made by chance.
        .testTarget(
            name: "MutationTests",
            dependencies: [
                "DockerEngine", "Documents", "KubeletSettings", "Manifests", "Pods",
                .product(name: "PodDNS", package: "umwelt"),
            ]
        ),
        // With real containerd and dockerd: scripts/services-node-test.
        .testTarget(
            name: "EngineTests",
            dependencies: ["Documents", .product(name: "PodDNS", package: "umwelt")]
        ),
        .testTarget(name: "KubeletSettingsTests", dependencies: ["KubeletSettings", "Documents"]),
    ]
)

for target in package.targets where target.type != .test && !["CRI", "CNetns"].contains(target.name) {
    target.swiftSettings = (target.swiftSettings ?? []) + strict
}
