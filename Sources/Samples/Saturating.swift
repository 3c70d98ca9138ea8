// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Arithmetic on numbers that a kernel, a container or a peer supplied: it ends at the bounds instead of trapping.
extension FixedWidthInteger {
    /// The difference, or 0 (for signed types: the least value) where it would underflow.
    @inlinable
    package func subtracting(orMin other: Self) -> Self {
        let (value, overflow) = subtractingReportingOverflow(other)
        return overflow ? .min : value
    }

    /// The sum, or the greatest value where it would overflow.
    @inlinable
    package func adding(orMax other: Self) -> Self {
        let (value, overflow) = addingReportingOverflow(other)
        return overflow ? .max : value
    }

    /// The product, or the greatest value where it would overflow.
    @inlinable
    package func multiplied(orMax other: Self) -> Self {
        let (value, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : value
    }
}

extension UInt64 {
    /// `self * numerator / denominator` without overflow in between; the greatest value where the result does not fit,
    /// 0 where the denominator is 0.
    @inlinable
    package func scaled(by numerator: UInt64, over denominator: UInt64) -> UInt64 {
        guard denominator != 0 else { return 0 }
        let product = multipliedFullWidth(by: numerator)
        guard product.high < denominator else { return .max }
        return denominator.dividingFullWidth(product).quotient
    }
}
