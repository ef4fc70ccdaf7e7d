using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;
using StreamRnn.Detection;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Trainer.Evaluation;

/// <summary>Steps a whole series as the worker does and keeps what was forecast for each row.</summary>
internal static class ForecasterRun
{
    /// <summary>Every verdict.</summary>
    public static Verdict[] Step(Forecaster forecaster, Series series)
    {
        var slab = new StateSlab(forecaster.RowFloats);
        forecaster.Initialise(slab[slab.Add()]);
        StepBatch batch = forecaster.CreateBatch(1);
        batch.Count = 1;
        var verdicts = new Verdict[series.Count];
        for (int row = 0; row < verdicts.Length; row++)
        {
            (batch.Times[0], batch.Values[0]) = (series.Times[row], series.Values[row]);
            forecaster.Step(slab, batch);
            verdicts[row] = batch.Verdicts[0];
        }
        return verdicts;
    }

    /// <summary>The one-step forecasts and their intervals.</summary>
    public static SeriesForecast OneStep(Forecaster forecaster, Series series, string name)
    {
        Verdict[] verdicts = Step(forecaster, series);
        return new SeriesForecast(name, Array.ConvertAll(verdicts, v => v.Forecast), Array.ConvertAll(verdicts, v => v.Lower), Array.ConvertAll(verdicts, v => v.Upper));
    }

    /// <summary>The forecasts of a farther horizon, filed under the row they are for; their intervals are stretched online, as the next row's are.</summary>
    public static SeriesForecast Ahead(ModelFile file, StreamEncoder encoder, Series series, int horizon, string name)
    {
        SequenceModel model = file.Model;
        StepScratch scratch = model.CreateScratch(1);
        var slab = new StateSlab(model.StateFloats);
        int[] row = [slab.Add()];
        float[] memory = new float[encoder.MemoryFloats], inputs = new float[encoder.InputCount], outputs = new float[encoder.OutputCount];
        double[][] lines = [.. Enumerable.Range(0, 3).Select(_ => Enumerable.Repeat(double.NaN, series.Count).ToArray())];
        int ahead = encoder.Constants.Horizons[horizon];
        IntervalStretch stretch = default;
        stretch.Initialise();
        for (int t = 0; t + ahead < series.Count; t++)
        {
            if (!double.IsNaN(lines[1][t]))
                stretch.Learn(series.Values[t] < lines[1][t], series.Values[t] > lines[2][t]);
            encoder.Encode(memory, series.Times[t], series.Values[t], inputs);
            model.Step(inputs, slab, row, outputs, scratch);
            ValueForecast forecast = encoder.Decode(memory, series.Values[t], outputs, horizon);
            lines[0][t + ahead] = forecast.Value;
            (lines[1][t + ahead], lines[2][t + ahead]) = stretch.Apply(forecast);
        }
        return new SeriesForecast(name, lines[0], lines[1], lines[2]);
    }
}
