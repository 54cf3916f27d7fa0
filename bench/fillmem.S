# A boot sector that fills the guest's memory from 1 MiB to 1 + FILL_MIB MiB with data that differs page by page, says so
# on the first serial port, and halts: saving such a guest moves real data.
        .set    FILL_MIB, 240
.code16
.globl _start
.text
_start:
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        lgdt    gdt_pointer + 0x7c00
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmp    $8, $protected + 0x7c00
.code32
protected:
        movw    $16, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movl    $0x100000, %edi
        movl    $(FILL_MIB << 18), %ecx         # words of four bytes
fill:   movl    %edi, %eax
        imull   $2654435761, %eax, %eax         # no two pages alike, nothing that compresses away
        stosl
        loop    fill
        movw    $0x3f8, %dx
        movb    $'F', %al
        outb    %al, %dx
1:      hlt
        jmp     1b
        .align  8
gdt:    .quad   0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
        .word   23
        .long   gdt + 0x7c00
        .org    510
        .word   0xaa55
