-- Dagster's database is made by the image; MLflow's tables have names of the same kind.
CREATE DATABASE mlflow;
