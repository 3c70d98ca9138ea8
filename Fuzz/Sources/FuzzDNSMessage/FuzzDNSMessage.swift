// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Input
import Resolver

/// A message from a name server; what was read is written, read again, and is the same. Then it is an answer to what it
/// asks itself.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(data, count) { input in
        let bytes = input.indices.map { input[$0] }
        guard let message = try? Message(parsing: bytes) else { return }
        if let again = try? Message(parsing: message.encoded()) {
            precondition(again == message, "a message is not what it was read from")
        } else {
            // Names are no longer compressed, so it can be longer than what a message can say.
            precondition(message.encoded().count > bytes.count, "a message cannot be read again")
        }
        for question in message.questions.prefix(4) {
            _ = try? Answer(to: question, in: message)
            precondition(DNSName(question.name.text) == question.name, "a name's text is another name's")
        }
    }
}
