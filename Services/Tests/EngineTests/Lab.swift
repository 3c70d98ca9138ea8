// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import Foundation
import Testing

/// The engines that scripts/services-node-test has started, and our programs.
struct Lab: Sendable {
    enum Engine: String, CaseIterable, CustomTestStringConvertible, Sendable {
        case containerd, docker

        var testDescription: String { rawValue }
    }

    static let directory = ProcessInfo.processInfo.environment["UMWELT_LAB"]
    /// The suite runs only where the script has made a lab: anything else would touch the machine's own engines.
    static let isThere = ProcessInfo.processInfo.environment["ENGINE_TESTS"] == "1" && directory != nil

    /// The engines that the lab has.
    static let engines = (ProcessInfo.processInfo.environment["UMWELT_LAB_ENGINES"] ?? "containerd docker")
        .split(separator: " ").compactMap { Engine(rawValue: String($0)) }

    let lab: String
    let engine: Engine
    let work: String
    let programs: String

    /// `node`: what the node's resolv.conf says.
    init(_ engine: Engine, node: String = "nameserver 192.0.2.1\n") throws {
        self.engine = engine
        lab = try #require(Lab.directory)
        programs = try #require(ProcessInfo.processInfo.environment["UMWELT_PROGRAMS"])
        work = lab + "/t-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: work, withIntermediateDirectories: true)
        try setNode(node)
    }

    var socket: String { lab + (engine == .docker ? "/docker.sock" : "/containerd.sock") }
    var podRoot: String { work + "/pods" }
    var logRoot: String { work + "/logs" }

    struct Output: Sendable {
        var code: Int32
        var text: String
        var errors: String
    }

    func write(_ name: String, _ text: String) throws -> String {
        let path = work + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// The node's own file, which the kubelet's rules, the runtimes and our programs read.
    func setNode(_ text: String) throws { try Data(text.utf8).write(to: Self.nodeFile) }

    /// A node without it: the lab has an /etc of its own.
    func removeNode() throws { try FileManager.default.removeItem(at: Self.nodeFile) }

    private static let nodeFile = URL(fileURLWithPath: "/etc/resolv.conf")

    /// A program of ours by its name, or any by its path.
    ///
    /// With a signal that early, if it has not ended by then, `times` times.
    func run(
        _ program: String,
        _ arguments: [String],
        input: String = "",
        interruptAfter seconds: Double? = nil,
        signal: Int32 = SIGINT,
        times: Int = 1,
        onOneCPU: Bool = false
    ) throws -> Output {
        let process = Process()
        // SIGINT is ignored in a shell's background job, which the runner may be.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["--default-signal=INT"] + (onOneCPU ? ["taskset", "-c", "0"] : [])
            + [program.hasPrefix("/") ? program : programs + "/" + program] + arguments
        let out = work + "/out-" + UUID().uuidString
        _ = FileManager.default.createFile(atPath: out, contents: nil)
        _ = FileManager.default.createFile(atPath: out + ".err", contents: nil)
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: out))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: out + ".err"))
        process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: write("input", input)))
        try process.run()
        if let seconds {
            Thread.sleep(forTimeInterval: seconds)
            for number in 0..<times {
                if number > 0 { Thread.sleep(forTimeInterval: 0.05) }
                kill(process.processIdentifier, signal)
            }
        }
        process.waitUntilExit()
        func read(_ path: String) throws -> String {
            String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        }
        let code = process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
        return Output(code: code, text: try read(out), errors: try read(out + ".err"))
    }

    /// `umwelt pod VERB`, for this lab's engine.
    func pod(
        _ verb: String,
        _ arguments: [String],
        input: String = "",
        interruptAfter seconds: Double? = nil,
        signal: Int32 = SIGINT,
        times: Int = 1,
        onOneCPU: Bool = false
    ) throws -> Output {
        var words = [verb] + arguments
        let end = words.firstIndex(of: "--") ?? words.count
        var options = ["--socket", socket]
        if ["run", "ps", "rm"].contains(verb) { options += ["--root-dir", podRoot] }
        if verb == "run" { options += ["--logs-dir", logRoot, "--pause-image", "localhost/umwelt/pause:1"] }
        words.insert(contentsOf: options, at: end)
        return try run(
            "umwelt-pod",
            words,
            input: input,
            interruptAfter: seconds,
            signal: signal,
            times: times,
            onOneCPU: onOneCPU
        )
    }

    /// `umwelt pod run` of that manifest, with a kubelet's usual settings; it has to come to a good end.
    @discardableResult
    func start(
        _ manifest: String,
        _ options: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Output {
        let run = try pod("run", ["-f", write("pod.yaml", manifest)] + options + kubelet())
        #expect(run.code == 0, "\(run.errors)", sourceLocation: sourceLocation)
        return run
    }

    func dns(_ verb: String, _ arguments: [String], input: String = "") throws -> Output {
        try run("umwelt-dns", [verb] + arguments, input: input)
    }

    /// Nothing of any pod is left: not with the engine, not on the disk.
    func expectNothingLeft(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let list = try pod("ps", ["--output", "json"])
        #expect(list.text == "[]\n", sourceLocation: sourceLocation)
        for directory in [podRoot, logRoot] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
            #expect(names == [], "\(directory)", sourceLocation: sourceLocation)
        }
        let mounts = try String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)
        #expect(!mounts.contains(podRoot), sourceLocation: sourceLocation)
        // Nor what only the engine's own tool lists: a container half made.
        #expect(try engineTool(["ps", "-aq"], ["containers", "ls", "-q"]).text == "", sourceLocation: sourceLocation)
        let addresses = (try? FileManager.default.contentsOfDirectory(atPath: lab + "/ipam/lab")) ?? []
        #expect(addresses.filter { $0.hasPrefix("10.") } == [], "addresses", sourceLocation: sourceLocation)
    }

    /// docker, or ctr in the namespace of CRI.
    func engineTool(_ docker: [String], _ ctr: [String]) throws -> Output {
        switch engine {
        case .docker: try run("/usr/bin/env", ["docker", "-H", "unix://\(socket)"] + docker)
        case .containerd: try run("/usr/bin/ctr", ["-a", socket, "-n", "k8s.io"] + ctr)
        }
    }

    /// A directory with umwelt-dns, and an umwelt-pod that tells what a kubelet's pod would have.
    func programsWithoutMarks() throws -> String {
        let directory = work + "/programs"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: programs + "/umwelt-dns", toPath: directory + "/umwelt-dns")
        let script = try write(
            "programs/umwelt-pod",
            "#!/bin/sh\n\(programs)/umwelt-pod \"$@\" | grep -v umwelt.dev/dns\n"
        )
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        return directory
    }

    /// A container that runs until it is ended.
    static let sleeper = "  - {name: c, image: localhost/umwelt/box:1, command: [sleep, \"1000\"]}\n"

    /// A kubelet's settings as a file.
    func kubelet(_ text: String = "clusterDNS: [10.96.0.10]\nclusterDomain: cluster.local\n") throws -> [String] {
        ["--kubelet-config", try write("kubelet.yaml", "kind: KubeletConfiguration\n" + text)]
    }

    /// The engine as `--runtime` names it, with the version that runs here.
    func runtime() throws -> String {
        switch engine {
        case .containerd:
            let words = try run("/usr/bin/containerd", ["--version"]).text.split(separator: " ")
            return "containerd:" + words[2]
        case .docker:
            let version = try run(
                "/usr/bin/env",
                ["docker", "-H", "unix://\(socket)", "version", "-f", "{{.Server.Version}}"]
            )
            return "cri-dockerd:" + version.text.split(separator: "\n")[0]
        }
    }

    static func manifest(_ spec: String, name: String = "p", containers: String? = nil) -> String {
        let one = "  - {name: c, image: localhost/umwelt/box:1, command: [cat, /etc/resolv.conf]}\n"
        return """
            apiVersion: v1
            kind: Pod
            metadata: {name: \(name), namespace: shop}
            spec:
              restartPolicy: Never
              terminationGracePeriodSeconds: 1
            \(spec.split(separator: "\n").map { "  " + $0 + "\n" }.joined())
              containers:
            \(containers ?? one)
            """
    }
}
