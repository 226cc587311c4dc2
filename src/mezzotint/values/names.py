"""The names that users type: samplers, spacings, families, hints and modes.

Plain tuples in the order in which they are shown. A test holds them equal to the registries of the layers above,
which this layer cannot import. Knows nothing of what a name stands for.
"""

SAMPLERS = (
    "ddim",
    "ddpm",
    "plms",
    "euler",
    "euler_a",
    "heun",
    "dpm2",
    "dpm2_a",
    "dpmpp_2s_a",
    "dpmpp_2m",
    "dpmpp_sde",
    "dpmpp_2m_sde",
    "dpmpp_3m_sde",
    "lms",
    "ipndm",
    "deis",
    "unipc",
    "dpm_fast",
    "dpm_adaptive",
    "restart",
    "er_sde",
    "sa_solver",
    "euler_cfg_pp",
    "euler_a_cfg_pp",
    "dpmpp_2m_cfg_pp",
    "lcm",
    "tcd",
)
SPACINGS = (
    "leading",
    "trailing",
    "linspace",
    "karras",
    "exponential",
    "polyexponential",
    "sgm_uniform",
    "simple",
    "beta",
    "kl_optimal",
    "linear_quadratic",
    "turbo",
    "align_your_steps",
    "align_your_steps_xl",
    "align_your_steps_svd",
)
FAMILIES = (
    "mini",
    "mini-inpainting",
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
    "sd3-medium",
    "sd3.5-medium",
    "sd3.5-large",
    "sdxl-turbo",
    "sd3.5-large-turbo",
)
PREDICTIONS = ("noise", "velocity")
NOISES = ("cpu", "nv", "comfy", "comfy-0.3", "invoke")
YES, NO = YES_NO = ("yes", "no")
STARTS = ("noise", "noised", "kept")
FITS = ("cover", "contain", "stretch")
FILLS = ("original", "surround", "noise", "nothing")
AREAS = ("whole", "masked")
LATENT_UPSCALERS = ("latent", "latent_bicubic", "latent_nearest")
UPSCALERS = ("lanczos", "bicubic", "bilinear", "nearest", *LATENT_UPSCALERS, "mini_2x")
NUMERICS = ("exact", "fast")
PRECISIONS = ("float32", "bfloat16", "float16")
DIALECTS = ("plain", "a1111", "comfy", "compel")
EMPHASES = ("original", "no_norm", "comfy", "compel", "ignore")
HINTS = (
    "canny",
    "scribble",
    "scribble-xdog",
    "lineart",
    "lines",
    "soft-edge",
    "tile",
    "blur",
    "colour",
    "shuffle",
    "invert",
    "normal",
    "depth",
)
WINDOWS = ("smooth", "gaussian", "flat")
"""How tiles of a picture are blended."""
SEAMLESS = ("x", "y", "both")
"""The axes along which a picture may go on at its edges."""
