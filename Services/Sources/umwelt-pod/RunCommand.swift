// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import CRI
import CRIClient
import Documents
import Foundation
import KubeletSettings
import LocalFiles
import Manifests
import NodeDNS
import PodDNS
import Pods
import Terminal

/// `umwelt pod run`: the command line of it.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run the pod of a manifest until its containers have ended.",
        discussion: """
            Init containers run in order, then the others; restartPolicy is kept while the command runs. When they have ended, \
            or an init container has failed for good, the pod stays, with its logs, until umwelt pod rm. Ctrl-C removes it. A \
            restart of the engine is waited for.

            ConfigMaps and Secrets that the pod uses are taken from the same files. On a node with a running kubelet the pod \
            is a stranger to that, and it removes it.
            """
    )

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("A manifest; - for standard input. Can be repeated.", valueName: "file")
    )
    var file: [String]
    @OptionGroup var engine: EngineOptions
    @Option(help: ArgumentHelp("Which pod, where there are several: NAME or KIND/NAME.", valueName: "name"))
    var pod: String?
    @Option(help: ArgumentHelp("The pod's namespace. Default: the manifest's, else default.", valueName: "name"))
    var namespace: String?
    @Flag(help: "Return when the containers have started; then nobody restarts them.")
    var detach = false
    @Flag(name: .customLong("rm"), help: "Remove the pod when its containers have ended.")
    var removesAtEnd = false
    @Flag(help: "Say nothing of what is being done.")
    var quiet = false
    @Option(help: ArgumentHelp("Where pods' volumes are kept.", valueName: "directory"))
    var rootDir = PodFiles.defaultRoot
    @Option(help: ArgumentHelp("Where pods' logs are kept.", valueName: "directory"))
    var logsDir = PodFiles.defaultLogs
    @Option(help: ArgumentHelp("Where umweltd serves its files.", valueName: "directory"))
    var procDir = ProcViews.defaultMount
    @Option(help: ArgumentHelp("Docker's pause container is made of this image.", valueName: "image"))
    var pauseImage = "registry.k8s.io/pause:3.9"
    @Option(
        help: ArgumentHelp(
            "The pause container's network, over Docker: bridge (the default) or none.",
            valueName: "network"
        )
    )
    var network: PauseNetwork?
    @OptionGroup var kubelet: KubeletOptions

    enum PauseNetwork: String, ExpressibleByArgument, CaseIterable {
        case bridge, none
    }

    func validate() throws {
        if detach, removesAtEnd { throw ValidationError("--detach and --rm exclude each other") }
        guard ContainerPlan.isImage(pauseImage) else {
            throw ValidationError("--pause-image: \(pauseImage) is no image's name")
        }
        for directory in [rootDir, logsDir, procDir] where !directory.hasPrefix("/") {
            throw ValidationError("\(directory) is not an absolute path")
        }
    }

    func run() async throws {
        let node = try Node(kubelet)
        let plan = try readPlan(node.kubelet.behaviour)
        let (engine, socket) = try engine.choose()
        if network != nil, engine != .docker {
            throw Failure.usage("--network is Docker's: over CRI it is CNI's configuration")
        }
        let progress = Progress(isShown: !quiet && Standard.isTerminal(2))
        if !plan.notes.isEmpty { progress.warn("without effect here: \(plan.notes.joined(separator: ", "))") }
        if let process = node.settings.process {
            progress.warn("a kubelet runs here (process \(process)): it removes pods that it does not know")
        }
        let composition = Composition(plan.dns, node.kubelet, node.file)
        if let error = composition.error { throw Failure.failed("the pod does not start: \(error)") }
        for event in composition.events where event.object == .pod || event.reason != "MissingClusterDNS" {
            progress.warn("\(event.reason): \(event.message)")
        }
        for remark in node.remarks { progress.say(remark) }
        let views = ProcViews.mounts(procDir)
        if views.isEmpty { progress.say("umweltd does not serve \(procDir): the containers see the host's /proc") }
        let start = Start(
            plan: plan,
            lists: Rendering.Lists(composition),
            files: PodFiles(
                root: rootDir,
                logsRoot: logsDir,
                namespace: plan.namespace,
                name: plan.name,
                uid: plan.uid
            ),
            views: views,
            isSystemd: node.settings.cgroupDriver?.value == "systemd",
            kubeletRoot: node.settings.rootDirectory?.value ?? KubeletSettings.Default.rootDirectory,
            hasKubelet: node.settings.process != nil,
            progress: progress,
            marks: [
                Labels.managed: rootDir, Labels.logsRoot: logsDir, Labels.dns: Self.dnsMark(plan.dns).compactJSON,
                Labels.gracePeriod: String(plan.graceSeconds),
            ],
            pauseImage: pauseImage,
            network: network == PauseNetwork.none ? .none : .bridge
        )
        let ended = try await Interrupts.run {
            switch engine {
            case .cri: try await start.overCRI(socket: socket, isDetached: detach, removesAtEnd: removesAtEnd)
            case .docker: try await start.overDocker(socket: socket, isDetached: detach, removesAtEnd: removesAtEnd)
            }
        }
        let failed = ended.filter { $0.code != 0 }
        guard failed.isEmpty else {
            throw Failure.failed("pod \(plan.title): \(failed.map(\.description).joined(separator: ", "))")
        }
        if detach { try Standard.output("\(plan.namespace)/\(plan.name)\n") }
    }

    private func readPlan(_ behaviour: Behaviour) throws -> PodPlan {
        var manifest: Manifest?
        for file in file {
            let path = file == "-" ? "standard input" : file
            let bytes: [UInt8]
            do throws(FileError) {
                bytes =
                    file == "-"
                    ? try LocalFile.contents(ofDescriptor: 0, path: path, limit: Value.sizeLimit)
                    : try LocalFile.contents(of: path, limit: Value.sizeLimit, waits: true)
            } catch { throw Failure.failed("\(path): cannot be read: \(error.reason)") }
            do throws(DocumentError) {
                let one = try Manifest(bytes, path: path)
                manifest = manifest.map { $0 + one } ?? one
            } catch { throw Failure.failed(error.description) }
        }
        guard let manifest else { throw Failure.usage("--file is missing") }
        let path = file.map { $0 == "-" ? "standard input" : $0 }.joined(separator: " and ")
        do throws(DocumentError) {
            let document = try manifest.pod(named: pod, in: namespace, path: path)
            let store = try Store(configMaps: manifest.configMaps, secrets: manifest.secrets)
            let reader = PlanReader(document, store, behaviour)
            var plan = try reader.plan(namespace: namespace, uid: UUID().uuidString.lowercased())
            plan.notes += manifest.others
            return plan
        } catch {
            throw Failure.failed(error.description)
        }
    }

    /// What `umwelt dns explain` reads again.
    private static func dnsMark(_ pod: Pod) -> Value {
        func list(_ words: [Word]) -> Value { .strings(words.map(\.description)) }
        var members: [Value.Member] = [
            .init("dnsPolicy", .string(pod.policy.description)), .init("hostNetwork", .bool(pod.isOnHostNetwork)),
        ]
        if let config = pod.dnsConfig {
            let options = config.options.map { option -> Value in
                var fields: [Value.Member] = [.init("name", .string(option.name.description))]
                if let value = option.value { fields.append(.init("value", .string(value.description))) }
                return .object(fields)
            }
            members.append(
                .init(
                    "dnsConfig",
                    .object([
                        "nameservers": list(config.nameservers), "searches": list(config.searches),
                        "options": .array(options),
                    ])
                )
            )
        }
        return .object(members)
    }
}
