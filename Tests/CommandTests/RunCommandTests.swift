// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Samples
import Testing

@testable import umwelt

@Suite struct RunCommandTests {
    private func options(_ arguments: [String]) throws -> RunOptions { try RunCommand.parse(arguments).options() }

    private func complaint(_ arguments: [String]) -> String {
        do {
            _ = try options(arguments)
            return "none"
        } catch let failure as Failure {
            return failure.message ?? ""
        } catch {
            return Usage.line(RunCommand.message(for: error), ["umwelt", "run"] + arguments)
        }
    }

    /// The parser would take minutes for so many.
    @Test func commandOfManyWordsIsTakenAsItIs() throws {
        let command = ["rm", "--memory", "--", "-x"] + (0..<200_000).map { "\($0)" }
        let line = ["umwelt", "run", "--memory", "64M", "--"] + command
        let run = try #require(try RunCommand.parsingCommandApart(line) as? RunCommand)
        let options = try run.options()
        #expect(options.memory?.bytes == 64 << 20 && options.command == command)
        for other in ["umwelt run --help", "umwelt ps -- x", "umwelt run --", "umwelt", ""] {
            #expect(try RunCommand.parsingCommandApart(other.split(separator: " ").map(String.init)) == nil)
        }
        let wrong = ["umwelt", "run", "--nonsense", "--", "x"]
        #expect(throws: (any Error).self) { try RunCommand.parsingCommandApart(wrong) }
    }

    @Test func everyOption() throws {
        let options = try options(
            [
                "--memory", "256M", "--cpus", "0.5", "--cpuset", "0-1", "--swap", "1G", "--pids", "100", "--name",
                "web",
                "--hostname", "h", "--rootfs", "/r", "--env", "A=1", "-e", "B", "--volume", "/a:/b:ro", "-v", "/c:/d",
                "--workdir", "/w/", "--user", "5:6", "--tty", "--runtime", "crun", "--", "sh", "-c", "--memory",
            ]
        )
        #expect(options.memory?.bytes == 256 << 20)
        #expect(options.cpus?.quota == 50_000)
        #expect(options.cpuset == CPUSet([0, 1]))
        #expect(options.swap?.bytes == 1 << 30)
        #expect(options.pids == 100)
        #expect(options.name == "web" && options.hostname == "h")
        #expect(options.rootfs == "/r" && options.workingDirectory == "/w")
        #expect(options.environment == [.set(name: "A", value: "1"), .inherit(name: "B")])
        #expect(try options.volumes == [Volume("/a:/b:ro"), Volume("/c:/d")])
        #expect(options.user == UserID(user: 5, group: 6))
        #expect(options.hasTerminal && options.runtime == "crun")
        #expect(options.command == ["sh", "-c", "--memory"])
    }

    @Test func defaults() throws {
        let options = try options(["--", "true"])
        #expect(options.name == options.hostname && ContainerName.isValid(options.name))
        #expect(options.memory == nil && options.rootfs == nil && options.user == UserID(user: 0, group: 0))
    }

    @Test func aLongNameGivesAShorterHostname() throws {
        let options = try options(["--name", String(repeating: "n", count: 100), "--", "true"])
        #expect(options.hostname.utf8.count == 64)
    }

    /// The parser breaks longer ones, in the middle of a paragraph that is broken already.
    @Test func theHelpsIndentedLinesFit() {
        let lines = RunHelp.discussion.split(separator: "\n").filter { $0.hasPrefix("  ") }
        #expect(lines.count > 10)
        for line in lines { #expect(line.utf8.count <= 80, "\(line)") }
    }

    @Test(arguments: [
        (["--memory", "1M", "--", "x"], "6M of memory at least"), (["--memory", "x", "--", "x"], "such as 256M"),
        (["--swap", "1G", "--", "x"], "--swap needs --memory"), (["--cpus", "0", "--", "x"], "0.01 at least"),
        (["--cpuset", "2-1", "--", "x"], "such as 0-3,6"), (["--cpuset", "0,9000", "--", "x"], "such as 0-3,6"),
        (["--pids", "0", "--", "x"], "between 1 and 4194304"), (["--name", "../x", "--", "x"], "a name is"),
        (["--hostname", "a b", "--", "x"], "a host name has"), (["--env", "=x", "--", "x"], "NAME=value"),
        (["--workdir", "w", "--", "x"], "begins with /"), (["--user", "root", "--", "x"], "in numbers"),
        (["--memroy", "1G", "--", "x"], "Did you mean '--memory'?"), ([], "stands after '--'"), (["--"], "no command"),
        (["--", ""], "name is empty"), (["free", "-m"], "the command stands after '--'"),
        (["--memory"], "missing value for '--memory <size>'"), (["--volume", "a", "--", "x"], "a volume is"),
        (["--memory", "-1", "--", "x"], "the value '-1' is invalid for '--memory <size>': it is negative"),
        (["--cpus", "--", "-1"], "missing value for '--cpus <number>'"),
    ])
    func complainsInOneLine(_ arguments: [String], _ words: String) {
        let line = complaint(arguments)
        #expect(line.contains(words))
        #expect(!line.contains("\n"))
    }
}

@Suite struct ViewPathTests {
    @Test(arguments: [
        ("meminfo", "proc/meminfo"), ("pressure/cpu", "proc/pressure/cpu"), ("/proc/stat", "proc/stat"),
        ("proc/stat", "proc/stat"), ("cpu/online", "sys/devices/system/cpu/online"),
        ("node/node0/meminfo", "sys/devices/system/node/node0/meminfo"),
        ("/sys/devices/system/cpu/online", "sys/devices/system/cpu/online"), ("//proc//./stat", "proc/stat"),
    ])
    func resolves(_ name: String, _ path: String) { #expect(ViewPath.resolve(name) == path) }

    @Test(arguments: ["", "/", ".", "..", "../x", "proc/../../etc/passwd", "/etc/passwd", "proc", "/sys", "cpu"])
    func refuses(_ name: String) { #expect(ViewPath.resolve(name) == nil) }
}
