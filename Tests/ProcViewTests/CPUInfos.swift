// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// /proc/cpuinfo as other machines print it (shortened).
enum CPUInfos {
    /// Two packages of two cores with two threads each; CPU n and n + 4 are siblings.
    static let x86: String = (0..<8).map { cpu in
        """
        processor\t: \(cpu)
        vendor_id\t: GenuineIntel
        model name\t: Intel(R) Xeon(R)
        cpu MHz\t\t: 2100.\(cpu)00
        physical id\t: \(cpu / 2 % 2)
        siblings\t: 4
        core id\t\t: \(cpu % 2)
        cpu cores\t: 2
        apicid\t\t: \(cpu * 2)
        power management:


        """
    }.joined()

    static let arm64: String = (0..<4).map { cpu in
        """
        processor\t: \(cpu)
        BogoMIPS\t: 50.00
        Features\t: fp asimd evtstrm
        CPU implementer\t: 0x41
        CPU revision\t: 1


        """
    }.joined()

    static let arm32: String =
        (0..<2).map { cpu in
            """
            processor\t: \(cpu)
            model name\t: ARMv7 Processor rev 5 (v7l)
            CPU revision\t: 5


            """
        }.joined() + """
            Hardware\t: BCM2835
            Revision\t: a01041
            Serial\t\t: 00000000d0f5a3b2

            """

    static let ppc64: String =
        [0, 8, 16].map { cpu in
            """
            processor\t: \(cpu)
            cpu\t\t: POWER9 (architected), altivec supported
            clock\t\t: 2200.000000MHz
            revision\t: 2.2 (pvr 004e 1202)


            """
        }.joined() + """
            timebase\t: 512000000
            platform\t: pSeries
            model\t\t: IBM pSeries (emulated by qemu)
            machine\t\t: CHRP IBM pSeries (emulated by qemu)
            MMU\t\t: Radix

            """

    static let s390x: String = """
        vendor_id       : IBM/S390
        # processors    : 3
        bogomips per cpu: 3033.00
        max thread id   : 0
        features\t: esan3 zarch stfle
        cache0          : level=1 type=Data scope=Private size=128K line_size=256 associativity=8
        processor 0: version = FF,  identification = 2733E8,  machine = 2964
        processor 1: version = FF,  identification = 2733E8,  machine = 2964
        processor 2: version = FF,  identification = 2733E8,  machine = 2964

        """
        + (0..<3).map { cpu in
            """

            cpu number      : \(cpu)
            physical id     : \(cpu)
            core id         : \(cpu)
            cpu MHz dynamic : 5000
            cpu MHz static  : 5000

            """
        }.joined()

    static let loongarch64: String = """
        system type\t\t: generic-loongson-machine


        """
        + (0..<2).map { cpu in
            """
            processor\t\t: \(cpu)
            package\t\t\t: 0
            core\t\t\t: \(cpu)


            """
        }.joined()
}
