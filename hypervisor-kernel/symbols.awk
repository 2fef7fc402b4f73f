# nm -n output of the kernel to an assembler file: symbol_table, symbol_count, symbol_names.
$3 == "_start_kernel" { start = $1 }
($2 == "T" || $2 == "t") && start != "" && $3 !~ /^\./ {
	n++
	addr[n] = $1
	name[n] = $3
}
END {
	print "\t.section .symbols, \"aw\"\n\t.balign 8\n\t.globl symbol_table, symbol_count, symbol_names"
	print "symbol_table:"
	at = 0
	for (i = 1; i <= n; i++) {
		print "\t.long 0x" addr[i] " - 0x" start ", " at
		at += length(name[i]) + 1
	}
	print "symbol_count:\t.long " n + 0 "\nsymbol_names:"
	for (i = 1; i <= n; i++)
		print "\t.asciz \"" name[i] "\""
	print "\t.section .note.GNU-stack, \"\", @progbits"
}
