# SPDX-License-Identifier: MIT
# Takes C apart: "FILE TAB LINE TAB code|comment|blank TAB CODE TAB COMMENT" for each line. Tabs in it are blanks.
BEGIN { OFS = "\t" }
FNR == 1 { inside = 0 }
{
	gsub(/\t/, " ")
	rest = $0; code = comment = ""; seen = inside
	while (rest != "") {
		if (inside) {
			i = index(rest, "*/")
			comment = comment " " (i ? substr(rest, 1, i - 1) : rest)
			if (!i) break
			rest = substr(rest, i + 2); inside = 0
			continue
		}
		if (!match(rest, /\/\*|\/\/|["\047]/)) { code = code rest; break }
		code = code substr(rest, 1, RSTART - 1)
		token = substr(rest, RSTART, RLENGTH)
		rest = substr(rest, RSTART + RLENGTH)
		if (token == "/*") { inside = seen = 1; continue }
		if (token == "//") { seen = 1; comment = comment rest; break }
		if (!match(rest, token == "\"" ? /^([^"\\]|\\.)*"/ : /^([^\047\\]|\\.)*\047/)) { code = code token rest; break }
		code = code token substr(rest, 1, RLENGTH)
		rest = substr(rest, RLENGTH + 1)
	}
	sub(/ +$/, "", code)
	print FILENAME, FNR, code != "" ? "code" : seen ? "comment" : "blank", code, comment
}
