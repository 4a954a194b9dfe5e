"""Text from outside on its way into files and onto the terminal: one writer per language.

Class labels, names of subjects, recordings and files, headings and options are hostile until a writer of the
language they are to stand in has written them. What a writer makes has a type of its own (``written``), and a
template of C, make or a linker takes nothing else (``templates``): who forgets the writer gets an error.

==============  ===========================================================================================
``clang``       C: identifiers, comments, string literals, enumerators
``templates``   Jinja for C, make, CMake, linkers and assembly, which refuse text, and Markdown
``markdown``    text in a line of Markdown
``markup``      HTML and SVG of ours, which pages take unescaped; text they escape by Jinja's autoescape
``jsontext``    JSON, also safe on a terminal and inside HTML
``tomltext``    strings of TOML
``cells``       text cells of CSV, no spreadsheet takes them for formulas
``plainline``   formats whose only structure is the line: UCF comments, tree text, settings of the ISPU
``terminal``    what a terminal would obey, made visible
==============  ===========================================================================================
"""
