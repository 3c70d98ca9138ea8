// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import KeyDNS
import Kernel
import Upcall

/// What came of one upcall: told to the kernel, counted, and one line of the log.
struct Report {
    let key: Key
    /// CLOCK_BOOTTIME at the program's start.
    let start: UInt64
    var name = "?"
    var logs = true
    var cache: SharedCache?
    /// What else was not as it should be.
    var trouble: String?

    init(_ key: Key, start: UInt64) {
        self.key = key
        self.start = start
    }

    func reject(_ rejection: Rejection) -> Never { end(.rejected(rejection), tell(.rejected(rejection))) }

    func reject(_ errno: Int32, _ reason: String) -> Never { reject(Rejection(errno, reason)) }

    /// The kernel's own error, where it did not take the answer.
    func tell(_ answer: KeyAnswer) -> Errno? {
        do throws(Errno) {
            switch answer {
            case .payload(let payload, let seconds, _):
                do throws(Errno) {
                    // Before the content: afterwards it is refused.
                    try key.setTimeout(seconds: max(seconds, 1))
                    try key.instantiate(payload)
                } catch {
                    try? key.reject(seconds: Rejection.seconds, error: Rejection.EINVAL)
                    throw error
                }
            case .rejected(let rejection): try key.reject(seconds: Rejection.seconds, error: rejection.errno)
            }
            return nil
        } catch {
            return error
        }
    }

    /// Ends, when the kernel has its answer, or has said `error` to it.
    func end(_ answer: KeyAnswer, _ error: Errno?, questions: Int = 0, ignored: Int = 0) -> Never {
        // Either this line or the last word's.
        LastWord.hold()
        cache?.account(answer, questions: questions, ignored: ignored, since: start)
        log(answer, error)
        ProcessImage.end(code: error == nil ? 0 : 1)
    }

    private func log(_ answer: KeyAnswer, _ error: Errno?) {
        if let error { return say(.error, "the kernel does not take the answer: \(error)") }
        switch answer {
        case .payload(let payload, let seconds, let source):
            let isText = payload.first != 0
            let text = isText ? String(decoding: payload.dropLast().prefix(512), as: UTF8.self) : "a server list"
            let shown = payload.isEmpty ? "answered" : text
            say(.info, "\(shown) for \(seconds) s from \(source.rawValue)")
        case .rejected(let rejection):
            say(.warning, "rejected with errno \(rejection.errno): \(rejection.reason)")
        }
    }

    /// The line, with what else there is to say.
    func say(_ level: Journal.Level, _ outcome: String) {
        guard logs else { return }
        let took = (Clock.boot - min(start, Clock.boot)) / 1000
        let trouble = trouble ?? cache?.trouble
        let rest = trouble.map { "; \($0)" } ?? ""
        Journal.log(trouble == nil ? level : .error, "\(name): \(outcome), \(took) us\(rest)")
    }
}
