// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CBench
import Glibc

/// Why the benchmark cannot go on, in words.
struct Failure: Error {
    let message: String

    init(_ message: String) { self.message = message }
}

/// Files and processes, as far as the benchmark needs them outside of what it measures.
enum System {
    static func words(ofError number: Int32) -> String { String(cString: strerror(number)) }

    @discardableResult
    static func check(_ purpose: String, _ result: Int32) throws -> Int32 {
        guard result >= 0 else { throw Failure("cannot \(purpose): \(words(ofError: -result))") }
        return result
    }

    /// The file's text; nil where it cannot be read.
    static func text(of path: String) -> String? {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(fd, &buffer, buffer.count)
            guard count >= 0 else { return nil }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer.prefix(count)
        }
    }

    @discardableResult
    static func write(_ text: String, to path: String, creating: Bool = false) -> Bool {
        let fd = open(path, O_WRONLY | O_CLOEXEC | (creating ? O_CREAT | O_TRUNC : 0), 0o644)
        guard fd >= 0 else { return false }
        defer { close(fd) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(fd, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The names in a directory.
    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// A field of `name: value kB` or `name value` lines.
    static func number(_ name: String, in text: String) -> UInt64? {
        for line in text.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" || $0 == ":" }
            if words.count > 1, words[0] == name { return UInt64(words[1]) }
        }
        return nil
    }

    /// Throws where a signal asked for the end.
    static func checkSignals() throws {
        if cbench_interrupted() != 0 { throw Failure("interrupted") }
    }

    static func say(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = Glibc.write(2, bytes, bytes.count)
    }
}

/// What is to be undone, last first, however the benchmark ends.
struct Cleanup {
    private var steps: [() -> Void] = []

    mutating func add(_ step: @escaping () -> Void) { steps.append(step) }

    mutating func run() {
        while let step = steps.popLast() { step() }
    }
}
