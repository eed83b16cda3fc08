"""Spark's session, and what it must be set to so that decimals, texts and times are DuckDB's."""

from pyspark.sql import SparkSession

SETTINGS = {
    # What does not fit ends with an error; and a zero is written 0.00, not 0E-2.
    "spark.sql.ansi.enabled": "true",
    # Products keep their decimals up to 38 digits.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    # Decimals that are compared or brought together keep theirs too.
    "spark.sql.legacy.decimal.retainFractionDigitsOnTruncate": "true",
    # Moments are written as such, in a type that Parquet's other readers know.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.session.timeZone": "UTC",
    # A filter that is moved below what it reads carries a copy of it each time: of the long
    # divisions of fct_next_steps there are more in the end than fit in memory.
    "spark.sql.optimizer.excludedRules": (
        "org.apache.spark.sql.catalyst.optimizer.PushDownPredicates"
    ),
}


def session(**settings: str) -> SparkSession:
    """The session of this process, made where there is none.

    Args:
        settings: Further settings of Spark's, with _ for each dot.
    """
    builder = SparkSession.builder.appName("jixiao")
    further = {name.replace("_", "."): value for name, value in settings.items()}
    for name, value in {**further, **SETTINGS}.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()
