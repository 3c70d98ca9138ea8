// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Hands what libFuzzer made up to `body`; returns 0, its "go on".
///
/// A trap in `body` is the find.
package func withInput(_ data: UnsafePointer<UInt8>?, _ count: Int, _ body: (Span<UInt8>) -> Void) -> CInt {
    let buffer = UnsafeBufferPointer(start: data, count: count)
    body(buffer.span)
    return 0
}
