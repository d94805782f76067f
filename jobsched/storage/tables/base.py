"""What all tables share: their names for constraints, and the types of keys and instants."""

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only makes an INTEGER primary key the row's own number.
Key = BigInteger().with_variant(Integer, "sqlite")
Time = BigInteger
