"""dbt's adapter of the target `spark`: dbt-spark's session, in which a model is Spark's SQL."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dbt.adapters.base import AdapterPlugin, available
from dbt.adapters.spark import SparkAdapter, SparkConnectionManager, SparkCredentials
from dbt_common.exceptions import CompilationError
from pyspark.sql.utils import AnalysisException

from spark import rules
from spark.session import SETTINGS, session

NAME = "jixiaospark"


@dataclass
class Credentials(SparkCredentials):
    """A session of this process. dbt-spark turns ANSI off, under which zero is written as 0E-10."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.server_side_parameters.update(SETTINGS)

    @property
    def type(self) -> str:
        """The name of the adapter, as profiles.yml has it."""
        return NAME


class ConnectionManager(SparkConnectionManager):
    """dbt-spark's, under the adapter's name."""

    TYPE = NAME


class _Columns(Mapping[tuple[str, str], list[str]]):
    """The columns of what Spark's catalogue has."""

    def __getitem__(self, name: tuple[str, str]) -> list[str]:
        try:
            return list(session().table(".".join(name)).columns)
        except AnalysisException:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError


class JixiaosparkAdapter(SparkAdapter):
    """dbt-spark's, with the rules in the step that makes a table or view of a compiled model."""

    ConnectionManager = ConnectionManager

    @available
    def to_spark(self, sql: str, model: str) -> str:
        """A compiled model as Spark runs it; a construct without a rule fails the model.

        Args:
            sql: The model as dbt has compiled it.
            model: Its name.
        """
        try:
            return rules.to_spark(sql, model, _Columns())
        except rules.Unknown as unknown:
            raise CompilationError(str(unknown)) from None


Plugin = AdapterPlugin(
    adapter=JixiaosparkAdapter,
    credentials=Credentials,
    include_path=str(Path(__file__).parent / "include"),
    dependencies=["spark"],
    project_name=f"dbt_{NAME}",
)
