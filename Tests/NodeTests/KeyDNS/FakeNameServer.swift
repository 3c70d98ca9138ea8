// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Synchronization

/// A name server on UDP that answers as a test says: with any number of messages, or none.
final class FakeNameServer: Sendable {
    let port: UInt16
    private let fd: Int32
    private let thread: Thread

    init(_ answer: @escaping @Sendable ([UInt8]) -> [[UInt8]]) throws {
        let fd = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { throw LabError("no socket") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                Glibc.bind(fd, raw, size) == 0 && getsockname(fd, raw, &size) == 0
            }
        }
        guard bound else { throw LabError("cannot bind") }
        self.fd = fd
        port = UInt16(bigEndian: address.sin_port)
        thread = try Thread(name: "dns") {
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                var from = sockaddr_storage()
                var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
                let count = withUnsafeMutablePointer(to: &from) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                        recvfrom(fd, &buffer, buffer.count, 0, raw, &size)
                    }
                }
                // shutdown makes it return nothing.
                guard count > 0 else { return }
                for message in answer(Array(buffer.prefix(count))) {
                    _ = withUnsafeMutablePointer(to: &from) { pointer in
                        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                            sendto(fd, message, message.count, 0, raw, size)
                        }
                    }
                }
            }
        }
    }

    func stop() {
        shutdown(fd, Int32(SHUT_RDWR))
        thread.join()
        close(fd)
    }
}
