// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Samples

/// Single numbers as cgroup files hold them; nil for anything else.
///
/// What does not fit is the greatest value.
enum Parse {
    static func number(_ text: Span<UInt8>) -> UInt64? {
        var reader = Reader(text)
        return reader.blankNumber()
    }

    /// v1's limit with none set (PAGE_COUNTER_MAX, LONG_MAX in whole pages) included.
    static func isUnlimited(_ bytes: UInt64) -> Bool { Limit(bytes) == Limit(nil) || bytes >= 1 << 62 }
}
