using System.Runtime.CompilerServices;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Sequence;

namespace StreamRnn.Detection;

/// <summary>
/// Normalise, step the network, read the next value off its own linear head: forecasts alone, at the price of the network. No scores,
/// no intervals.
/// </summary>
/// <remarks>A stream's row: [recurrent state | <see cref="Stream"/>]; 192 bytes around a GRU-32.</remarks>
public sealed class BareForecaster : Forecaster
{
    private readonly SequenceModel _model;
    private readonly int _streamStart;

    /// <param name="name">As outputs show it.</param>
    /// <param name="model">Inputs z, or z and its difference to the z before; its first output is the next z.</param>
    public BareForecaster(string name, SequenceModel model)
    {
        Encoder.Check(name, model.Shape, minimumOutputs: 1);
        (Name, _model) = (name, model);
        _streamStart = (model.StateFloats + 1) / 2 * 2;
        RowFloats = _streamStart + Unsafe.SizeOf<Stream>() / sizeof(float);
    }

    public override string Name { get; }

    public override int RowFloats { get; }

    public override void Initialise(Span<float> row, long steps = 0)
    {
        row.Clear();
        StreamOf(row).Initialise(steps);
    }

    /// <summary>Keeps the normaliser; the recurrent state starts at zero.</summary>
    public override void Adopt(Span<float> row, Forecaster before, Span<float> rowBefore)
    {
        base.Adopt(row, before, rowBefore);
        if (before is BareForecaster bare)
            StreamOf(row) = bare.StreamOf(rowBefore);
    }

    public override StepBatch CreateBatch(int capacity) => new Batch(_model, capacity);

    public override void Step(StateSlab slab, StepBatch batch)
    {
        var own = (Batch)batch;
        for (int i = 0; i < own.Count; i++)
        {
            (float z, float difference) = StreamOf(slab[own.Rows[i]]).Observe(own.Values[i], ref own.Verdicts[i]);
            Encoder.Encode(z, difference, own.Inputs(i, 1));
        }

        _model.Step(own.Inputs(own.Count), slab, own.Rows.AsSpan(0, own.Count), own.Outputs(own.Count), own.ModelScratch);
        for (int i = 0; i < own.Count; i++)
            StreamOf(slab[own.Rows[i]]).Expect(own.Outputs(i, 1)[0], ref own.Verdicts[i]);
    }

    public override SequenceModel Network => _model;

    public override long StepsOf(Span<float> row) => StreamOf(row).Steps;

    private ref Stream StreamOf(Span<float> row) => ref Unsafe.As<float, Stream>(ref row[_streamStart]);

    private sealed class Batch(SequenceModel model, int capacity) : EncodedBatch(model, capacity);

    /// <summary>All that is remembered of a stream beside its recurrent state.</summary>
    private struct Stream
    {
        private long _rows;
        private long _before;   // that the stream saw before it began anew
        private double _forecast;
        private Normaliser _normaliser;
        private float _z;

        public readonly long Steps => _before + _rows;

        public void Initialise(long steps) => _before = steps;

        public (float Z, float Difference) Observe(double value, ref Verdict verdict)
        {
            verdict = default;
            verdict.N = Steps + 1;
            verdict.Forecast = _rows > 0 ? _forecast : double.NaN;
            (verdict.Lower, verdict.Upper) = (double.NaN, double.NaN);

            float before = _z;
            _z = _normaliser.Normalise(Normaliser.Clamp(value), _rows);
            return (_z, _rows > 0 ? _z - before : 0);
        }

        public void Expect(float forecastZ, ref Verdict verdict)
        {
            _forecast = _normaliser.Denormalise(forecastZ);
            verdict.Next = _forecast;
            _rows++;
        }
    }
}
