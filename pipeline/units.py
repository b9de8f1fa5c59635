"""Numbers with a unit and a range: the types that parameters of nodes are made of.

A parameter annotated with one of these is checked against its range when a
topology is read, and its unit appears in the manual and in every error.
"""

from typing import Annotated

from msgspec import Meta

Area = Annotated[int, Meta(ge=0, description="px²")]
Pixels = Annotated[int, Meta(ge=0, description="px")]
Count = Annotated[int, Meta(ge=0, description="count")]
Frames = Annotated[int, Meta(ge=0, description="frames")]
Ratio = Annotated[float, Meta(ge=0, le=1, description="0…1")]
Rate = Annotated[float, Meta(gt=0, le=1000, description="1/s")]
Seconds = Annotated[float, Meta(ge=0, description="s")]
Speed = Annotated[float, Meta(description="px/frame")]
Url = Annotated[str, Meta(pattern=r"^https?://", description="http(s) URL")]
