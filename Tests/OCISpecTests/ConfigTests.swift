// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FoundationEssentials
import OCISpec
import Testing

@Suite struct ConfigTests {
    @Test func isWrittenWithTheSpecificationsNames() throws {
        var process = Config.Process(user: .init(uid: 1, gid: 2), args: ["a"], cwd: "/")
        process.noNewPrivileges = true
        process.capabilities = .init(bounding: ["CAP_KILL"], effective: [], permitted: [])
        var linux = Config.Linux(namespaces: [.init(type: "pid")])
        linux.cgroupsPath = "/umwelt/x"
        var resources = Config.Resources()
        resources.memory = .init(limit: 5, swap: 6)
        resources.cpu = .init(quota: 1, period: 2, cpus: "0")
        resources.pids = .init(limit: 3)
        resources.devices = [.init(allow: false, access: "rwm")]
        linux.resources = resources
        var config = Config(root: .init(path: "r", readonly: true), process: process, linux: linux)
        config.hooks = .init(createContainer: [.init(path: "/h", args: ["h"], timeout: 1)])
        config.mounts = [.init(destination: "/d", type: "bind", source: "/s", options: ["ro"])]

        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = try String(decoding: encoder.encode(config), as: UTF8.self)
        #expect(
            text == """
                {"hooks":{"createContainer":[{"args":["h"],"path":"/h","timeout":1}]},"linux":{"cgroupsPath":"/umwelt/x",\
                "namespaces":[{"type":"pid"}],"resources":{"cpu":{"cpus":"0","period":2,"quota":1},\
                "devices":[{"access":"rwm","allow":false}],"memory":{"limit":5,"swap":6},"pids":{"limit":3}}},\
                "mounts":[{"destination":"/d","options":["ro"],"source":"/s","type":"bind"}],"ociVersion":"1.0.2",\
                "process":{"args":["a"],"capabilities":{"bounding":["CAP_KILL"],"effective":[],"permitted":[]},"cwd":"/",\
                "noNewPrivileges":true,"user":{"gid":2,"uid":1}},"root":{"path":"r","readonly":true}}
                """
        )
        #expect(try JSONDecoder().decode(Config.self, from: Data(text.utf8)) == config)
    }
}

@Suite struct StateTests {
    private func state(_ text: String) throws -> State { try JSONDecoder().decode(State.self, from: Data(text.utf8)) }

    @Test func asRuncGivesItToHooks() throws {
        let state = try state(
            #"{"ociVersion":"1.0.2-dev","id":"c","status":"creating","pid":42,"bundle":"/b","annotations":{"a":"b"}}"#
        )
        #expect(state.id == "c" && state.pid == 42 && state.bundle == "/b")
    }

    @Test func aPidThatIsNoneIsRefused() {
        for pid in ["99999999999999999999", "\"1\"", "1.5", "{}"] {
            #expect(throws: (any Error).self) { try state(#"{"ociVersion":"1","id":"c","pid":\#(pid),"bundle":"/"}"#) }
        }
    }
}
