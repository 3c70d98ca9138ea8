// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Input
import Resolver

/// A whole lookup with a server that answers whatever it likes: it ends, and within its bounds.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(data, count) { input in
        let bytes = input.indices.map { input[$0] }
        var place = 0
        func next() -> UInt8 {
            defer { place += 1 }
            return place < bytes.count ? bytes[place] : 0
        }
        var options = ResolverOptions()
        let flags = next()
        options.randomizesCase = flags & 1 != 0
        options.rotates = flags & 2 != 0
        options.usesTCP = flags & 4 != 0
        options.udpSize = flags & 8 != 0 ? nil : 512
        let servers = (0..<Int(flags >> 6)).map { Server(.v4(UInt32($0 + 1))) }
        var lookup = Lookup(
            LookupRequest([DNSName("a.b"), DNSName("c")].compactMap { $0 }, [.a, .aaaa], wantsAllTypes: flags & 16 != 0),
            servers: servers,
            options: options,
            deadline: 3_000_000_000,
            random: RandomSource { 0x0123_4567_89ab_cdef }
        )
        var now: UInt64 = 0
        var sent: [Transmission] = []
        for _ in 0..<10_000 {
            switch lookup.step(now: now) {
            case .done: return
            case .wait(let until):
                precondition(until > now, "it waits for what is past")
                now = until
            case .send(let transmission):
                sent.append(transmission)
                let kind = next()
                guard kind != 0 else { continue }
                // The query itself, made an answer, with bytes changed or replaced.
                var answer = transmission.bytes
                if answer.count > 3 {
                    answer[2] |= 0x80
                    answer[3] = next() & 0x0f
                }
                for _ in 0..<Int(kind & 7) where !answer.isEmpty {
                    let index = Int(next()) % answer.count
                    answer[index] = next()
                }
                for _ in 0..<Int(kind >> 4) { answer.append(next()) }
                if kind & 8 != 0 { lookup.failed(tag: transmission.tag) }
                lookup.received(tag: transmission.tag, answer)
            }
        }
        preconditionFailure("it does not end")
    }
}
