// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
package import FuseWire
package import Kernel
import Glibc

/// The kernel's end of a mounted file system: the `/dev/fuse` descriptor and what was agreed on over it.
///
/// It lives as long as some process holds the descriptor; who holds it need not be who serves it.
package struct Connection: ~Copyable, Sendable {
    package let device: Fd
    package let negotiated: Negotiated

    /// Takes over a connection that another process opened and negotiated.
    package init(adopting device: consuming Fd, negotiated: Negotiated) {
        self.device = device
        self.negotiated = negotiated
    }

    /// Answers the kernel's first request.
    ///
    /// Blocks until it comes, which is as soon as the file system is mounted.
    ///
    /// Errors: EPROTO where the kernel's protocol is too old or the first request is another one.
    package init(negotiatingOn device: consuming Fd, maxPages: UInt16) throws(Errno) {
        let negotiated = try Self.negotiate(device, maxPages: maxPages)
        self.init(adopting: device, negotiated: negotiated)
    }

    private static func negotiate(_ device: borrowing Fd, maxPages: UInt16) throws(Errno) -> Negotiated {
        let protocolError = Errno(rawValue: EPROTO)
        var buffer = [UInt8](repeating: 0, count: RequestBuffer.size)
        // Twice at most: a kernel of another major version asks again after it has heard ours.
        for _ in 0..<2 {
            let size = try device.read(into: &buffer)
            // SAFETY: bytes of an array of UInt8, within its bounds.
            let message = unsafe buffer.span.bytes.extracting(first: size)
            guard let header = try? RequestHeader(decoding: message),
                let request = try? Request(decoding: message, header: header), case .initialize(let offer) = request
            else { throw protocolError }
            var reply = Reply()
            if offer.major > UInt32(FUSE_KERNEL_VERSION) {
                reply.begin(header.unique)
                reply.put(Negotiated(minor: Negotiated.leastMinor, flags: 0, flags2: 0, maxPages: 1))
                reply.finish()
                try device.write(reply.bytes)
                continue
            }
            guard let negotiated = Negotiated(accepting: offer, maxPages: maxPages) else {
                reply.begin(header.unique, error: EPROTO)
                reply.finish()
                try device.write(reply.bytes)
                throw protocolError
            }
            reply.begin(header.unique)
            reply.put(negotiated)
            reply.finish()
            try device.write(reply.bytes)
            return negotiated
        }
        throw protocolError
    }
}

extension Fd {
    /// Has the kernel send once more what was taken from this FUSE device and not answered.
    ///
    /// For a connection with `Negotiated.hasResend`.
    package borrowing func resendRequests() throws(Errno) { try write(Reply.resend) }

    /// Whether requests wait that nobody has taken; the connection's end counts as one.
    package borrowing func hasRequests() -> Bool { (try? waitReadable(milliseconds: 0)) == true }
}

/// The memory a loop thread reads requests into.
enum RequestBuffer {
    /// FUSE_MIN_READ_BUFFER of the kernel (8192), which is enough for max_write 4096 and its headers.
    static let size = 8192
    /// Of the memory a loop thread answers from.
    ///
    /// The kernel looks up each page it copies from. So head and content are one piece, and the piece is this large, of
    /// which only what is used takes memory: from 128 KiB on malloc gives whole pages of their own, and an answer that
    /// fits in one page lies in one.
    static let replyCapacity = 160 << 10
}
