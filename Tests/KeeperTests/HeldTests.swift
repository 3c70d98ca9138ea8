// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseWire
import Keeper
import Testing

struct HeldTests {
    private let negotiated = Negotiated(minor: 41, flags: 4_000_000_000, flags2: 384, maxPages: 256)

    @Test func comesBackAsItWent() throws {
        var held = Held(device: 3, listener: 4, lock: 5, negotiated: negotiated)
        #expect(Held(held.text) == held)
        for minor in [0, 53, .max] as [UInt32] {
            held.ending = minor
            #expect(Held(held.text) == held)
        }
        held.ending = nil
        held.areas = [9, 10]
        held.previous = 7
        held.snapshots = 6
        held.accounts = 8
        #expect(
            held.text
                == "device=3,listener=4,lock=5,agreed=41.4000000000.384.256,area=9,area=10,snapshots=6,accounts=8,previous=7"
        )
        #expect(Held(held.text) == held)
        held.incumbent = Held.Incumbent(pid: 4711, channel: 11, area: 12)
        #expect(held.text.contains("incumbent=4711.11.12"))
        #expect(Held(held.text) == held)
        for nonsense in ["1.11.12", "4711.11", "4711.11.12.13", "4711.2.12", "x", ""] {
            #expect(Held(held.text.replacing("4711.11.12", with: nonsense))?.incumbent == nil)
        }
    }

    @Test func laterVersionsMayAddToIt() {
        let text = "device=3,listener=4,lock=5,agreed=41.0.0.4,something=12"
        #expect(Held(text) == Held(device: 3, listener: 4, lock: 5, negotiated: Negotiated(text: "41.0.0.4")!))
    }

    @Test(arguments: [
        "", "device=3", "device=3,listener=4,lock=5", "device=x,listener=4,lock=5,agreed=41.0.0.4",
        "device=2,listener=4,lock=5,agreed=41.0.0.4", "device=3,listener=4,lock=5,agreed=41.0.0",
        "device=-3,listener=4,lock=5,agreed=41.0.0.4", "device,listener=4,lock=5,agreed=41.0.0.4",
        "device=3,listener=4,lock=5,agreed=41.0.0.70000", "device=99999999999,listener=4,lock=5,agreed=41.0.0.4",
        "device=3,listener=4,lock=5,agreed=41.0.0.4" + String(repeating: ",area=9", count: 9),
    ]) func nonsenseIsRefused(text: String) {
        #expect(Held(text) == nil)
    }

    @Test func fitsTheNameOfAStoredDescriptor() {
        let most = Negotiated(minor: .max, flags: .max, flags2: .max, maxPages: .max)
        #expect(most.text.utf8.count < 100)
        #expect(Negotiated(text: most.text) == most)
    }
}
