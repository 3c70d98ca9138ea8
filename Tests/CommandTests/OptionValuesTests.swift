// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Samples
import Testing

@testable import umwelt

@Suite struct ByteSizeTests {
    @Test(arguments: [
        ("1", 1), ("4096", 4096), ("256M", 268_435_456), ("256m", 268_435_456), ("1.5G", 1_610_612_736),
        ("1KiB", 1024), ("1kb", 1024), ("2Ti", 2_199_023_255_552), ("10b", 10), ("0", 0), ("0.5K", 512),
    ])
    func takesWhatPeopleWrite(_ text: String, _ bytes: Int64) {
        #expect(ByteSize(text)?.bytes == bytes)
    }

    @Test(arguments: [
        "", "M", "-1", "-1M", "1X", "1 M", "1.M", ".5M", "1e3", "nan", "inf", "0x10", "1MM", "99999999999T", "1.2.3",
        "٣M",
    ])
    func refusesTheRest(_ text: String) { #expect(ByteSize(text) == nil) }

    @Test(arguments: [
        (Int64(0), "0"), (1, "1"), (1023, "1023"), (1024, "1K"), (268_435_456, "256M"), (1_610_612_736, "1536M"),
        (25_276_510_208, "23.5G"), (Int64.max, "8388608.0T"),
    ])
    func printsThem(_ bytes: Int64, _ text: String) { #expect(ByteSize(bytes: bytes).text == text) }
}

@Suite struct CPUAmountTests {
    @Test(arguments: [("1", 100_000), ("0.5", 50_000), ("2.25", 225_000), ("0.01", 1000), (".5", 50_000)])
    func takes(_ text: String, _ quota: Int64) { #expect(CPUAmount(text)?.quota == quota) }

    @Test(arguments: ["", "0", "-1", "0.001", "1e30", "nan", "inf", "one", "1,5", "999999999999999999999"])
    func refuses(_ text: String) { #expect(CPUAmount(text) == nil) }
}

@Suite struct VolumeTests {
    @Test func takesTheThreeForms() throws {
        let plain = try Volume("src:/dst")
        #expect(plain.source == "src" && plain.destination == "/dst" && !plain.isReadOnly)
        #expect(try Volume("/a:/b//c/../d/:ro") == Volume("/a:/b/d:ro"))
        #expect(try Volume("/a:/b:ro").isReadOnly)
        #expect(try !Volume("/a:/b:rw").isReadOnly)
    }

    @Test(arguments: [
        ("", Volume.Problem.form), ("/a", .form), (":/b", .form), ("/a:", .form), ("/a:/b:ro:x", .form),
        ("/a:b", .relativeDestination("b")), ("/a:/b:rx", .mode("rx")), ("/a:/", .reservedDestination("/")),
        ("/a:/proc/meminfo", .reservedDestination("/proc/meminfo")), ("/a:/x/../sys", .reservedDestination("/sys")),
        ("/a:/dev", .reservedDestination("/dev")),
    ])
    func refuses(_ text: String, _ problem: Volume.Problem) {
        #expect(throws: problem) { try Volume(text) }
    }

    @Test func aNameThatOnlyBeginsLikeAReservedOneIsNone() throws {
        #expect(try Volume("/a:/procfs").destination == "/procfs")
    }
}

@Suite struct UserAndNameTests {
    @Test func users() {
        #expect(UserID("0") == UserID(user: 0, group: 0))
        #expect(UserID("1000") == UserID(user: 1000, group: 1000))
        #expect(UserID("1000:5") == UserID(user: 1000, group: 5))
        for text in ["", ":", "1:", ":1", "a", "1:2:3", "-1", "4294967295", "1:4294967295", "4294967296"] {
            #expect(UserID(text) == nil, "\(text)")
        }
    }

    @Test func names() {
        for name in ["a", "A-1_b.c", String(repeating: "x", count: 128)] { #expect(ContainerName.isValid(name)) }
        for name in ["", ".", "..", "-a", "_a", "a/b", "a b", "\u{e4}", String(repeating: "x", count: 129)] {
            #expect(!ContainerName.isValid(name), "\(name)")
        }
        for _ in 0..<100 {
            let name = ContainerName.random()
            #expect(name.utf8.count == 12 && ContainerName.isValid(name))
        }
    }
}
