// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Attachment
import Glibc
import Kernel
import Samples
import Testing

@testable import umwelt

/// Where containers are found, and what is covered in them.
struct AttachPartsTests {
    private func fixture(_ files: [String: String]) throws -> String {
        let root = "/tmp/umw-states-\(UInt32.random(in: 0...UInt32.max))"
        for (path, text) in files {
            let parts = (root + path).split(separator: "/").dropLast()
            try Directories.make(Path("/" + parts.joined(separator: "/")))
            try FileTree.write(Array(text.utf8), to: Path(root + path))
        }
        return root
    }

    @Test func containersOfEveryEngine() throws {
        let docker = String(repeating: "d", count: 64)
        let podman = String(repeating: "b", count: 64)
        let root = try fixture([
            "/run/docker/runtime-runc/moby/\(docker)/state.json":
                #"{"id":"\#(docker)","init_process_pid":10,"init_process_start":100,"config":{"labels":["bundle=/b/1"]}}"#,
            "/var/lib/docker/containers/\(docker)/config.v2.json": #"{"Name":"/web","Config":{}}"#,
            "/run/containerd/runc/k8s.io/c1/state.json":
                #"{"id":"c1","init_process_pid":11,"init_process_start":100,"config":{"labels":["x=y","bundle=/b/2"]}}"#,
            "/b/2/config.json":
                #"{"annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"app","io.kubernetes.cri.sandbox-name":"pod"}}"#,
            "/run/containerd/runc/default/n1/state.json":
                #"{"id":"n1","init_process_pid":17,"init_process_start":100,"config":{"labels":["bundle=/b/5"]}}"#,
            "/b/5/config.json": #"{"annotations":{"nerdctl/name":"shop"}}"#,
            "/run/containerd/runc/k8s.io/c2/state.json":
                #"{"id":"c2","init_process_pid":12,"init_process_start":100,"config":{"labels":["bundle=/b/3"]}}"#,
            "/b/3/config.json":
                #"{"annotations":{"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-name":"pod"}}"#,
            "/run/crun/\(podman)/status": #"{"pid":13,"process-start-time":100,"bundle":"/b/4"}"#,
            "/var/lib/containers/storage/overlay-containers/containers.json": #"[{"id":"\#(podman)","names":["db"]}]"#,
            "/run/runc/\(podman.dropLast())c/state.json":
                #"{"id":"\#(podman.dropLast())c","init_process_pid":16,"init_process_start":100}"#,
            "/run/containers/storage/vfs-containers/volatile-containers.json":
                #"[{"id":"\#(podman.dropLast())c","names":["job"]}]"#,
            "/run/runc/plain/state.json": #"{"id":"plain","init_process_pid":14,"init_process_start":100}"#,
            // Ended, used again by another process, not a state.
            "/run/runc/ended/state.json": #"{"id":"ended","init_process_pid":99,"init_process_start":100}"#,
            "/run/runc/other/state.json": #"{"id":"other","init_process_pid":15,"init_process_start":7}"#,
            "/run/runc/junk/state.json": "{",
        ])
        defer { try? FileTree.removeAll(Path(root)) }
        let states = EngineStates(root: root, stateDirectory: "/none") { (10...20).contains($0) ? 100 : nil }
        let found = states.containers()
        #expect(found.map(\.engine) == ["containerd", "cri", "cri", "docker", "podman", "podman", "runc"])
        #expect(found.map(\.name) == ["shop", "pod/app", "pod", "web", "db", "job", ""])
        #expect(found.map(\.pid) == [17, 11, 12, 10, 13, 16, 14])
        #expect(found.map(\.isSandbox) == [false, false, true, false, false, false, false])

        #expect(found.match("web") == found.match(docker))
        #expect(found.match("ddd") == found.match(docker))
        #expect(found.match("dd") == .none)
        #expect(found.match("shop") == .one(found[0]))
        #expect(found.match("plain") == .one(found[6]))
        // The beginning of what is a name would be another one's.
        #expect(found.match("pla") == .none)
        #expect(found.match("pod/app") == .one(found[1]))
        #expect(found.match("c") == .none)
        #expect(found.match("app") == .one(found[1]))
        // The pod, and not what holds its namespaces; that only where nothing else is there.
        #expect(found.match("pod") == .one(found[1]))
        #expect([found[2]].match("pod") == .one(found[2]))
        var second = found[1]
        (second.id, second.name) = ("c9", "pod/side")
        #expect((found + [second]).match("pod") == .several(["cri c1", "cri c9"]))
        #expect((found + [second]).match("side") == .one(second))
    }

    /// Engines keep their files where they are told to, docker with a user namespace in a directory of its own.
    @Test func enginesWithOtherDirectories() throws {
        let ids = ["a", "b", "c", "d"].map { String(repeating: $0, count: 64) }
        func runc(_ pid: Int, _ mounts: String, _ bundle: String = "/none") -> String {
            #"{"id":"x","init_process_pid":\#(pid),"config":{"labels":["bundle=\#(bundle)"],"mounts":[\#(mounts)]}}"#
        }
        func mount(_ source: String) -> String { #"{"source":"\#(source)","destination":"/etc/hostname"}"# }
        let root = try fixture([
            "/run/docker/runtime-runc/moby/\(ids[0])/state.json":
                runc(10, mount("/srv/d/containers/\(ids[0])/hostname")),
            "/srv/d/containers/\(ids[0])/config.v2.json": #"{"Name":"/web"}"#,
            // In the network of the first.
            "/run/docker/runtime-runc/moby/\(ids[1])/state.json":
                runc(11, mount("/srv/d/containers/\(ids[0])/hostname")),
            "/srv/d/containers/\(ids[1])/config.v2.json": #"{"Name":"/side"}"#,
            "/run/runc/\(ids[2])/state.json": runc(12, "", "/srv/p/overlay-containers/\(ids[2])/userdata"),
            "/srv/p/overlay-containers/containers.json": #"[{"id":"\#(ids[2])","names":["db"]}]"#,
            // A user's own.
            "/run/user/\(geteuid())/runc/\(ids[3])/state.json":
                runc(13, #"{"destination":"/etc/hostname"},{},{"source":"x"}"#),
        ])
        defer { try? FileTree.removeAll(Path(root)) }
        var states = EngineStates(root: root, stateDirectory: "/none") { _ in 100 }
        states.namespaceOwner = { _ in geteuid() }
        let found = states.containers()
        #expect(found.map(\.name) == ["web", "side", "db", ""])
        #expect(found.map(\.engine) == ["docker", "docker", "podman", "runc"])
    }

    /// What a user who is not root writes in his directory holds nobody up, and is no word about others' processes.
    @Test func statesOfAUserAreHisOwn() throws {
        let state = #"{"id":"web","init_process_pid":10}"#
        let root = try fixture([
            "/run/user/4711/runc/web/state.json": state, "/run/user/4711/runc/pipe/x": "",
            "/run/user/\(geteuid())/runc/web/state.json": state,
        ])
        defer { try? FileTree.removeAll(Path(root)) }
        #expect(mkfifo("\(root)/run/user/4711/runc/pipe/state.json", 0o600) == 0)
        var states = EngineStates(root: root, stateDirectory: "/none") { _ in 100 }
        // A link to somebody else's file.
        states.namespaceOwner = { _ in 4711 }
        #expect(states.containers().filter { $0.user == 4711 }.isEmpty)
        // Another's process, where the user is not root.
        states.namespaceOwner = { _ in 4712 }
        #expect(states.containers().count == (geteuid() == 0 ? 1 : 0))

        let roots = EngineContainer(id: "a1", name: "web", engine: "docker", pid: 1)
        var users = EngineContainer(id: "web", engine: "runc", pid: 2)
        users.user = 1000
        #expect([users, roots].match("web") == .one(roots))
        #expect([users].match("web") == .one(users))
    }

    @Test func idsThatAreTakenForNames() {
        var container = EngineContainer(id: "a b/c", engine: "runc", pid: 1)
        #expect(container.registeredID == "a_b_c")
        container.id = "-x"
        #expect(container.registeredID == "c-x")
        container.id = String(repeating: "x", count: 500)
        #expect(container.registeredID.count <= 128)
    }

    @Test(arguments: [
        ("4:memory:/docker/0123456789abcdef\n", true), ("0::/system.slice/docker-0123456789abcdef.scope\n", true),
        ("0::/kubepods/pod1/cri-containerd-0123456789abcdef.scope/init\n", true), ("0::/x0123456789abcdef\n", false),
        ("0::/\n", false), ("0::/machine.slice/libpod-0123456789abcdef.scope/container\n", true),
        ("0::/machine.slice/libpod-conmon-0123456789abcdef.scope\n", false),
        ("0::/system.slice/crio-conmon-0123456789abcdef.scope\n", false),
    ]) func cgroupsAreNamedAfterIDs(cgroups: String, isNamed: Bool) {
        #expect(CgroupSearch.isNamed(cgroups, "0123456789ab") == isNamed)
    }

    @Test func whatIsThereDecides() {
        let host = MountInfo.parse(
            Array(
                """
                1 0 8:1 / / rw shared:1 - ext4 /dev/sda rw
                2 1 0:53 / /var/lib/umwelt ro shared:9 - fuse.umwelt /var/lib/umwelt ro

                """.utf8
            ).span
        )
        let container = MountInfo.parse(
            Array(
                """
                10 9 0:40 / / rw - overlay overlay rw
                11 10 0:41 / /proc rw - proc proc rw
                12 10 0:42 / /sys ro shared:1 - sysfs sysfs ro
                13 11 0:53 /proc/meminfo /proc/meminfo ro - fuse.umwelt /var/lib/umwelt ro
                14 11 0:50 /proc/stat /proc/stat ro - fuse.umwelt /var/lib/umwelt ro
                15 11 0:43 /x /proc/uptime rw - tmpfs tmpfs rw

                """.utf8
            ).span
        )
        let plan = ViewPlan(mounts: container, host: host, mountPoint: "/var/lib/umwelt")
        func standing(_ view: String) -> ViewPlan.Standing? { plan.steps.first { $0.view == view }?.standing }
        #expect(standing("proc/meminfo") == .ours)
        #expect(standing("proc/stat") == .stale)
        #expect(standing("proc/uptime") == .covered(by: "tmpfs"))
        #expect(standing("proc/cpuinfo") == .free)
        #expect(standing("proc/pressure/cpu") == .free)
        #expect(standing("sys/devices/system/cpu") == .shared)
        #expect(PsCommand.health(plan) == "dead")
        // Of a daemon that was mounted elsewhere and did not end in order.
        let elsewhere = ViewPlan(mounts: container, host: host, mountPoint: "/run/m", earlier: ["/var/lib/umwelt"])
        #expect(elsewhere.steps.first { $0.view == "proc/meminfo" }?.standing == .stale)
        #expect(elsewhere.held.count == 2)
    }

    /// A view of a container that the daemon does not know any more fails; one by its caller never does.
    @Test func viewsOfAForgottenContainerAreStale() {
        let text = """
            2 1 0:53 / /var/lib/umwelt ro - fuse.umwelt /var/lib/umwelt ro
            11 10 0:41 / /proc rw - proc proc rw
            13 11 0:53 /containers/a/proc/meminfo /proc/meminfo ro - fuse.umwelt /var/lib/umwelt ro
            14 11 0:53 /containers/b/proc/stat//deleted /proc/stat ro - fuse.umwelt /var/lib/umwelt ro
            15 11 0:53 /proc/uptime /proc/uptime ro - fuse.umwelt /var/lib/umwelt ro

            """
        let mounts = MountInfo.parse(Array(text.utf8).span)
        let plan = ViewPlan(mounts: mounts, host: mounts, mountPoint: "/var/lib/umwelt", known: ["a"])
        let found = plan.steps.filter { [.ours, .stale].contains($0.standing) }.map { "\($0.view) \($0.standing)" }
        #expect(found == ["proc/meminfo ours", "proc/stat stale", "proc/uptime ours"])
    }

    /// What the container has of its own around a view, beneath it, or in its place.
    @Test(
        arguments: [
            ("", "sys/devices/system/cpu", nil), ("", "proc/pressure/cpu", nil),
            ("20 12 0:43 /f /sys/devices/system/cpu/online rw - tmpfs t rw", "sys/devices/system/cpu", "tmpfs"),
            (
                "20 12 0:43 / /sys/devices/system/cpu/cpu0/thermal_throttle ro - tmpfs t ro", "sys/devices/system/cpu",
                nil
            ),
            ("20 12 0:43 / /sys/devices/system rw - tmpfs t rw", "sys/devices/system/node", "tmpfs"),
            ("20 11 0:43 / /proc/pressure rw - tmpfs t rw", "proc/pressure/io", "tmpfs"),
            ("20 12 0:42 /devices /sys/devices ro - sysfs s ro", "sys/devices/system/cpu", nil),
            ("20 12 0:42 /devices/virtual /sys/devices ro - sysfs s ro", "sys/devices/system/cpu", "sysfs"),
            // The kernel's own file, which a stop left there.
            ("20 11 0:5 /meminfo /proc/meminfo ro - proc proc ro", "proc/meminfo", nil),
            ("20 11 0:5 /stat /proc/meminfo ro - proc proc ro", "proc/meminfo", "proc"),
            ("20 12 0:42 /devices/system/cpu /sys/devices/system/cpu ro - sysfs s ro", "sys/devices/system/cpu", nil),
        ] as [(String, String, String?)]
    )
    func whatIsTheContainersOwnStays(line: String, view: String, type: String?) {
        let text = """
            10 9 0:40 / / rw - overlay overlay rw
            11 10 0:41 / /proc rw - proc proc rw
            12 10 0:42 / /sys ro - sysfs sysfs ro
            \(line)

            """
        let plan = ViewPlan(mounts: MountInfo.parse(Array(text.utf8).span), host: [], mountPoint: "/var/lib/umwelt")
        let standing = plan.steps.first { $0.view == view }?.standing
        #expect(standing == type.map { .covered(by: $0) } ?? .free)
        #expect(plan.held.isEmpty)
    }

    @Test func restartsAreToldFromStops() {
        let jobs = "1201 umweltd.service restart running\n1300 other.service stop waiting\n"
        #expect(Restart.hasRestart(jobs, "umweltd.service"))
        #expect(!Restart.hasRestart(jobs, "other.service"))
        #expect(!Restart.hasRestart("", "umweltd.service"))
        #expect(Restart.hasJob(jobs, "other.service") { $0 == "stop" })
        #expect(!Restart.hasJob(jobs, "umweltd.service") { $0 == "stop" })
    }

    @Test func tableHasColumns() {
        #expect(PsCommand.table([["ID", "N"], ["abc", "d"]]) == "ID   N\nabc  d\n")
    }
}
