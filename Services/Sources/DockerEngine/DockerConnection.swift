// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Documents
internal import Glibc
internal import LocalFiles

/// The Docker Engine's API on its unix socket: a connection for each request, blocking, ended by the task's cancellation.
///
/// Of the API's version 1.24, which engines from 1.12 on speak, unless they say that theirs begins later.
package struct DockerConnection: Sendable {
    package let socket: String
    private var version = "1.24"
    private static let answerLimit = 64 << 20
    private static let lookMilliseconds: Int32 = 250

    /// Asks the engine for its version; throws where nobody listens, or somebody else than Docker.
    package init(socket: String) throws {
        self.socket = socket
        let call = "reach Docker at \(socket)"
        if let reason = LocalSocket.refusal(socket) { throw DockerError(call: call, message: reason, status: 0) }
        let answer: [UInt8]
        do { answer = try request("GET", "/version", call: call, isVersioned: false) } catch var error as DockerError {
            error.message = "it does not answer as Docker: if it is a CRI runtime's, --engine cri (\(error.message))"
            throw error
        }
        guard let body = try? Value.json(answer), let engine = body["Version"]?.string, body["ApiVersion"] != nil else {
            throw DockerError(call: call, message: "who answers there is not Docker", status: 0)
        }
        engineVersion = engine
        if let least = body["MinAPIVersion"]?.string, Self.isLater(least, than: version) { version = least }
    }

    /// The engine's version, as `20.10.24+dfsg1`.
    package private(set) var engineVersion = ""

    private static func isLater(_ one: String, than other: String) -> Bool {
        let numbers = [one, other].map { $0.split(separator: ".").map { Int($0) ?? 0 } }
        return numbers[1].lexicographicallyPrecedes(numbers[0])
    }

    /// One request; its answer as a value, `.null` where it has no body.
    ///
    /// `timeout` in seconds, for the whole of the answer; nil: as long as it takes.
    /// `isUnbroken`: cancellation waits for the answer, so that what was asked for is there or not.
    package func json(
        _ method: String,
        _ path: String,
        _ body: Value? = nil,
        call: String,
        timeout: Int? = 120,
        isUnbroken: Bool = false
    ) throws -> Value {
        let bytes = try request(method, path, body, call: call, timeout: timeout, isUnbroken: isUnbroken)
        guard !bytes.isEmpty else { return .null }
        do { return try Value.json(bytes) } catch {
            throw DockerError(call: call, message: "the answer is no JSON: \(error)", status: 0)
        }
    }

    /// One request; the answer's body.
    ///
    /// Errors of the engine are thrown with its own words.
    package func request(
        _ method: String,
        _ path: String,
        _ body: Value? = nil,
        call: String,
        timeout: Int? = 120,
        isVersioned: Bool = true,
        isUnbroken: Bool = false,
        each: ((ArraySlice<UInt8>) throws -> Void)? = nil
    ) throws -> [UInt8] {
        func fail(_ message: String, _ status: Int = 0) -> DockerError {
            DockerError(call: call, message: message, status: status)
        }
        let number: Int32
        do throws(FileError) { number = try LocalSocket.connect(socket) } catch { throw fail(error.reason) }
        defer { close(number) }
        let content = body.map { Array($0.compactJSON.utf8) } ?? []
        let head = """
            \(method) \(isVersioned ? "/v\(version)" : "")\(path) HTTP/1.1\r
            Host: docker\r
            User-Agent: umwelt\r
            Connection: close\r
            Content-Type: application/json\r
            Content-Length: \(content.count)\r
            \r

            """
        try send(Array(head.utf8) + content, number, fail)
        var reader = HTTPReader()
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let deadline = timeout.map { ContinuousClock.now + .seconds($0) }
        while !reader.isDone {
            if !isUnbroken { try Task.checkCancellation() }
            if let timeout, let deadline, ContinuousClock.now > deadline {
                var silence = fail("no answer within \(timeout) s")
                silence.isSilence = true
                throw silence
            }
            var entry = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
            // SAFETY: one entry, valid during the call.
            let ready = unsafe poll(&entry, 1, Self.lookMilliseconds)
            if ready == 0 || (ready < 0 && errno == EINTR) { continue }
            // SAFETY: the buffer is valid for its count during the call.
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw fail("the connection broke (errno \(errno))") }
            do throws(HTTPReader.Failure) {
                if count == 0 {
                    try reader.end()
                } else {
                    result += try reader.feed(buffer.prefix(count))
                }
            } catch { throw fail("\(error)") }
            if let each, reader.status < 300 {
                try each(result[...])
                result = []
            }
            guard result.count <= Self.answerLimit else { throw fail("the answer is too large") }
        }
        guard reader.status < 400 else {
            let words = (try? Value.json(result))?["message"]?.string
            throw fail(words ?? String(decoding: result.prefix(500), as: UTF8.self), reader.status)
        }
        return result
    }

    private func send(_ bytes: [UInt8], _ number: Int32, _ fail: (String, Int) -> DockerError) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            // SAFETY: the slice is valid for its count during the call.
            let count = unsafe rest.withUnsafeBytes { unsafe write(number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw fail("the connection broke (errno \(errno))", 0) }
            rest = rest.dropFirst(count)
        }
    }

    /// Text as a part of a query: everything but letters, digits and `-._~` as %XX.
    package static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || "-._~".utf8.contains(byte)
            let digits = String(byte, radix: 16, uppercase: true)
            return isPlain ? String(Unicode.Scalar(byte)) : "%" + (digits.count < 2 ? "0" : "") + digits
        }.joined()
    }
}
