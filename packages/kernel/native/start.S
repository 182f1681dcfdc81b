/* Where the kernel begins ctr-init: the stack holds argc, argv, envp. */
	.section .note.GNU-stack, "", %progbits
	.text
	.globl _start
_start:
#if defined(__x86_64__)
	xor %rbp, %rbp
	mov %rsp, %rdi
	and $-16, %rsp
	call start
#elif defined(__aarch64__)
	mov x29, #0
	mov x30, #0
	mov x0, sp
	bl start
#endif
