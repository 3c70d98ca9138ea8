// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What kernel 6.18 printed on a virtual machine of two CPUs and 24 GiB, without swap.
enum Captured {
    static let meminfo = """
        MemTotal:       24684092 kB
        MemFree:        23550476 kB
        MemAvailable:   24247040 kB
        Buffers:            5156 kB
        Cached:           876664 kB
        SwapCached:            0 kB
        Active:           520180 kB
        Inactive:         367960 kB
        Active(anon):       1528 kB
        Inactive(anon):    13656 kB
        Active(file):     518652 kB
        Inactive(file):   354304 kB
        Unevictable:       14552 kB
        Mlocked:           13624 kB
        SwapTotal:             0 kB
        SwapFree:              0 kB
        Zswap:                 0 kB
        Zswapped:              0 kB
        Dirty:              6700 kB
        Writeback:             0 kB
        AnonPages:         20980 kB
        Mapped:            15696 kB
        Shmem:              8856 kB
        KReclaimable:      80132 kB
        Slab:             108316 kB
        SReclaimable:      80132 kB
        SUnreclaim:        28184 kB
        KernelStack:        1384 kB
        PageTables:         1356 kB
        SecPageTables:         0 kB
        NFS_Unstable:          0 kB
        Bounce:                0 kB
        WritebackTmp:          0 kB
        CommitLimit:    12342044 kB
        Committed_AS:      67328 kB
        VmallocTotal:   34359738367 kB
        VmallocUsed:       14188 kB
        VmallocChunk:          0 kB
        Percpu:              688 kB
        AnonHugePages:         0 kB
        ShmemHugePages:        0 kB
        ShmemPmdMapped:        0 kB
        FileHugePages:         0 kB
        FilePmdMapped:         0 kB
        Balloon:               0 kB
        HugePages_Total:       0
        HugePages_Free:        0
        HugePages_Rsvd:        0
        HugePages_Surp:        0
        Hugepagesize:       2048 kB
        Hugetlb:               0 kB
        DirectMap4k:       30720 kB
        DirectMap2M:     2066432 kB
        DirectMap1G:    25165824 kB

        """

    static let nodeMeminfo = """
        Node 0 MemTotal:        7039188 kB
        Node 0 MemFree:         5905624 kB
        Node 0 MemUsed:         1133564 kB
        Node 0 SwapCached:            0 kB
        Node 0 Active:           520180 kB
        Node 0 Inactive:         367960 kB
        Node 0 Active(anon):       1528 kB
        Node 0 Inactive(anon):    13656 kB
        Node 0 Active(file):     518652 kB
        Node 0 Inactive(file):   354304 kB
        Node 0 Unevictable:       14552 kB
        Node 0 Mlocked:           13624 kB
        Node 0 Dirty:              6700 kB
        Node 0 Writeback:             0 kB
        Node 0 FilePages:        881820 kB
        Node 0 Mapped:            15696 kB
        Node 0 AnonPages:         20980 kB
        Node 0 Shmem:              8856 kB
        Node 0 KernelStack:        1384 kB
        Node 0 PageTables:         1356 kB
        Node 0 SecPageTables:         0 kB
        Node 0 NFS_Unstable:          0 kB
        Node 0 Bounce:                0 kB
        Node 0 WritebackTmp:          0 kB
        Node 0 KReclaimable:      80132 kB
        Node 0 Slab:             108316 kB
        Node 0 SReclaimable:      80132 kB
        Node 0 SUnreclaim:        28184 kB
        Node 0 AnonHugePages:         0 kB
        Node 0 ShmemHugePages:        0 kB
        Node 0 ShmemPmdMapped:        0 kB
        Node 0 FileHugePages:         0 kB
        Node 0 FilePmdMapped:         0 kB
        Node 0 HugePages_Total:     0
        Node 0 HugePages_Free:      0
        Node 0 HugePages_Surp:      0

        """

    static let cpuinfoX86 = """
        processor\t: 0
        vendor_id\t: AuthenticAMD
        cpu family\t: 26
        model\t\t: 2
        model name\t: AMD EPYC
        stepping\t: 1
        microcode\t: 0x1000065
        cpu MHz\t\t: 2596.098
        cache size\t: 1024 KB
        physical id\t: 0
        siblings\t: 2
        core id\t\t: 0
        cpu cores\t: 2
        apicid\t\t: 0
        initial apicid\t: 0
        fpu\t\t: yes
        fpu_exception\t: yes
        cpuid level\t: 28
        wp\t\t: yes
        flags\t\t: fpu vme de pse tsc msr
        bugs\t\t: sysret_ss_attrs null_seg spectre_v1 spectre_v2 spec_store_bypass srso spectre_v2_user
        bogomips\t: 5192.19
        TLB size\t: 192 4K pages
        clflush size\t: 64
        cache_alignment\t: 64
        address sizes\t: 48 bits physical, 48 bits virtual
        power management:

        processor\t: 1
        vendor_id\t: AuthenticAMD
        cpu family\t: 26
        model\t\t: 2
        model name\t: AMD EPYC
        stepping\t: 1
        microcode\t: 0x1000065
        cpu MHz\t\t: 2596.098
        cache size\t: 1024 KB
        physical id\t: 0
        siblings\t: 2
        core id\t\t: 1
        cpu cores\t: 2
        apicid\t\t: 1
        initial apicid\t: 1
        fpu\t\t: yes
        fpu_exception\t: yes
        cpuid level\t: 28
        wp\t\t: yes
        flags\t\t: fpu vme de pse tsc msr
        bugs\t\t: sysret_ss_attrs null_seg spectre_v1 spectre_v2 spec_store_bypass srso spectre_v2_user
        bogomips\t: 5192.19
        TLB size\t: 192 4K pages
        clflush size\t: 64
        cache_alignment\t: 64
        address sizes\t: 48 bits physical, 48 bits virtual
        power management:


        """

    static let pressure = """
        some avg10=0.00 avg60=0.00 avg300=0.00 total=0
        full avg10=0.00 avg60=0.00 avg300=0.00 total=0

        """
}
