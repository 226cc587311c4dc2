"""The names that users type: samplers, spacings, families and modes.

Plain tuples in the order in which they are shown. A test holds them equal to the registries of the layers above,
which this layer cannot import. Knows nothing of what a name stands for.
"""

SAMPLERS = ("ddim", "plms", "euler", "euler_a", "dpmpp_2m")
SPACINGS = ("leading", "trailing", "linspace", "karras")
FAMILIES = (
    "mini",
    "toy",
    "sd1",
    "sd1-inpainting",
    "sd1-pix2pix",
    "sd2",
    "sd2-inpainting",
    "sd2-depth",
    "sd2-unclip",
    "sdxl",
    "sdxl-inpainting",
    "sdxl-refiner",
    "x4-upscaler",
    "sdxl-turbo",
)
PREDICTIONS = ("noise", "velocity")
NOISES = ("cpu", "nv", "comfy", "comfy-0.3", "invoke")
NUMERICS = ("exact", "fast")
PRECISIONS = ("float32", "bfloat16", "float16")
