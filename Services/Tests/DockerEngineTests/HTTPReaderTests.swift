// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import DockerEngine
import Testing

struct HTTPReaderTests {
    private func read(_ text: String, step: Int) throws -> (status: Int, body: String, isDone: Bool) {
        var reader = HTTPReader()
        var body: [UInt8] = []
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            body += try reader.feed(bytes[index..<min(index + step, bytes.count)])
            index += step
        }
        return (reader.status, String(decoding: body, as: UTF8.self), reader.isDone)
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func bodiesOfEachKindInPiecesOfAnySize(step: Int) throws {
        let length = try read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", step: step)
        #expect(length == (200, "hello", true))
        let chunked = try read(
            "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\nA;x=y\r\nlo worlds!\r\n0\r\nT: x\r\n\r\n",
            step: step
        )
        #expect(chunked == (201, "hello worlds!", true))
        let open = try read("HTTP/1.1 101 UPGRADED\r\n\r\nraw", step: step)
        #expect(open == (101, "raw", false))
        let none = try read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", step: step)
        #expect(none == (204, "", true))
    }

    @Test(arguments: [
        "SSH-2.0-x\r\n\r\n", "HTTP/1.1 999 x\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    ])
    func nonsenseIsAnError(text: String) {
        #expect(throws: HTTPReader.Failure.self) { _ = try read(text, step: 1000) }
    }

    @Test func theHeadIsBoundedAndTheEndIsLookedAt() throws {
        #expect(throws: HTTPReader.Failure.self) { _ = try read(String(repeating: "x", count: 100_000), step: 1000) }
        var reader = HTTPReader()
        _ = try reader.feed(Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel".utf8))
        #expect(throws: HTTPReader.Failure.self) { try reader.end() }
    }

    @Test func framesAreTakenApart() {
        var frames = StreamFrames()
        #expect(frames.feed([1, 0, 0, 0, 0, 0, 0]).isEmpty)
        let pieces = frames.feed([2, 0x61, 0x62, 2, 0, 0, 0, 0, 0, 0, 1, 0x63, 1])
        #expect(pieces.map(\.isError) == [false, true])
        #expect(pieces.map(\.text) == [[0x61, 0x62], [0x63]])
    }
}
