"""Mistakes that a type checker finds: each line that ends in "E:" has the error of that code, and no other line any."""

import medusa
from medusa import MedusaCore

core = MedusaCore(config={})
MedusaCore(config_file=7)  # E: arg-type
MedusaCore(config="medusa_config.json")  # E: arg-type
core.publish_async(media="video.mp4")  # E: call-arg
core.publish_async("video.mp4", platforms={"youtube"})  # E: arg-type
core.publish_async("video.mp4", ["youtube"], [("youtube", {})])  # E: arg-type
core.publish("video.mp4")  # E: attr-defined
core.wait(task_id=None)  # E: arg-type
core.validate("video.mp4", ["youtube"], {}, True)  # E: call-arg
core.get_task("id").revision = 3  # E: misc
_ = core.get_task("id").progress  # E: attr-defined
core.get_task("id").steps.append(None)  # E: attr-defined
_ = medusa.MedusaClient  # E: attr-defined


async def wrong() -> None:
    await core.publish_async("video.mp4")  # E: misc
    for _task in core.watch_async("id"):  # E: attr-defined
        pass
