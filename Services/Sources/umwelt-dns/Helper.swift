// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import Foundation
import LocalFiles
import Terminal

/// The program beside this one that speaks gRPC: this one starts faster without.
enum Helper {
    private static let answerLimit = 32 << 20

    /// Runs it, and reads the JSON that it prints; its own error is thrown as ours.
    static func json(_ name: String, _ arguments: [String]) throws(Failure) -> Value {
        let own = LocalFile.link("/proc/self/exe") ?? ""
        let path = own.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/" + name
        guard LocalFile.exists(path) else { throw .failed("\(name) is not beside \(own)") }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let (output, errors) = (Pipe(), Pipe())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        do { try process.run() } catch { throw .failed("cannot start \(path): \(error)") }
        // What it complains of is a line; it cannot fill the pipe while the answer is read.
        let answer: [UInt8]
        do throws(FileError) {
            answer = try LocalFile.contents(
                ofDescriptor: output.fileHandleForReading.fileDescriptor,
                path: name,
                limit: answerLimit
            )
        } catch { throw .failed("\(error)") }
        let complaint = try? LocalFile.contents(
            ofDescriptor: errors.fileHandleForReading.fileDescriptor,
            path: name,
            limit: 1 << 20
        )
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            var text = String(decoding: complaint ?? [], as: UTF8.self)
            if text.hasPrefix("umwelt: ") { text.removeFirst("umwelt: ".count) }
            while text.last?.isNewline == true { text.removeLast() }
            throw .failed(text.isEmpty ? "\(name) ended with \(process.terminationStatus)" : text)
        }
        do { return try Value.json(answer) } catch { throw .failed("\(name): \(error)") }
    }
}
