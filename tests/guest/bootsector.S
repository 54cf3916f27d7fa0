# A guest without an operating system: a BIOS boot sector that says so on the first serial port and halts.
# It runs where the host's KVM cannot run a Linux kernel, so that type='kvm' is tested there too.
.code16
.globl _start
.text
_start:
        ljmp    $0, $1f + 0x7c00
1:      xorw    %ax, %ax
        movw    %ax, %ds
        movw    $message + 0x7c00, %si
next:   lodsb
        testb   %al, %al
        jz      halt
        movb    %al, %ah
wait:   movw    $0x3fd, %dx             # line status: wait until the transmitter is empty
        inb     %dx, %al
        testb   $0x20, %al
        jz      wait
        movw    $0x3f8, %dx
        movb    %ah, %al
        outb    %al, %dx
        jmp     next
halt:   sti                             # so that the firmware's timer ticks, as in a machine that idles
1:      hlt
        jmp     1b
message:
        .asciz  "virtd-bootsector: up\r\n"
        .org    510
        .word   0xaa55
