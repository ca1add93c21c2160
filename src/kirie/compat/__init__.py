"""Drop-ins: the functions of other tools on our `Cutter`, so that a program moves by changing one import.

    from kirie.compat.rembg import remove, new_session
    from kirie.compat.transparent_background import Remover

They answer as the tools themselves do, quirks included, since programs rely on them; where they differ on purpose stands
in each module's docstring and in docs/compat.md. What kirie does better than either is in `kirie` itself.
"""
