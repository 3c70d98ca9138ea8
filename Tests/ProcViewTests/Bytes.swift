// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

@testable import Samples

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

extension Text {
    var string: String { String(decoding: bytes, as: UTF8.self) }
}
