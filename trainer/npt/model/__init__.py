"""The student: a frozen Llama whose chosen layers carry NP components."""
