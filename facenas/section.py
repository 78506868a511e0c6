"""A group of settings."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A group of settings: immutable, hashable, and unknown keys are an error.

    What it may hold is worked out when one is first made, so that members of other packages are not looked for while these are imported.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def telling(self) -> dict[str, Any]:
        """The settings that identify a run: names, and values that differ from their defaults.

        A setting that a later version of facenas adds changes nothing here, as long as it has its default.
        """
        tree, told = self.model_dump(mode="json"), dict[str, Any]()
        for key, field in type(self).model_fields.items():
            value = getattr(self, key)
            if isinstance(value, Section):
                told[key] = value.telling()
            elif key == "name" or value != field.get_default(call_default_factory=True):
                told[key] = tree[key]
        return {key: value for key, value in told.items() if value != {}}
