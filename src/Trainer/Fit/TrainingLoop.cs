using System.Diagnostics;
using System.Globalization;
using StreamRnn.Cells.Kernels;
using StreamRnn.Cells.Layers;
using StreamRnn.Cells.Training;

namespace StreamRnn.Trainer.Fit;

/// <summary>Settings of training that do not depend on the task.</summary>
public sealed record LoopSettings
{
    public required Loss Loss { get; init; }

    public OptimiserSettings Optimiser { get; init; } = new(OptimiserKind.Adam);

    public Schedule Schedule { get; init; } = Schedule.Constant;

    /// <summary>Total L2 norm beyond which a gradient is scaled down; 0 leaves it as it is.</summary>
    public double ClipNorm { get; init; }

    /// <summary>Size at which each element of a gradient is cut; 0 leaves it as it is.</summary>
    public double ClipValue { get; init; }

    public int Epochs { get; init; } = 50;

    /// <summary>Epochs without a better validation loss after which training stops; 0 goes through all of them. The best epoch is kept either way.</summary>
    public int Patience { get; init; }

    /// <summary>Share of a layer's inputs that are dropped on the way up.</summary>
    public float Dropout { get; init; }

    /// <summary>Share of recurrent inputs that are dropped, the same ones through a whole window.</summary>
    public float RecurrentDropout { get; init; }

    public ulong Seed { get; init; }

    /// <summary>Threads of the run. Never changes a bit of the result.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>All that decides the result.</summary>
    internal string Fingerprint => (this with { Threads = 1 }).ToString();
}

/// <summary>Results of one epoch.</summary>
/// <param name="Epoch">Counted from 1.</param>
/// <param name="Loss">Mean over the epoch's targets, each before its own update.</param>
/// <param name="Validation">Mean over the validation targets after the epoch; NaN where there is no validation.</param>
/// <param name="GradientNorm">Mean over the updates, before clipping.</param>
/// <param name="ClipRate">Share of the updates whose gradient was clipped.</param>
/// <param name="LearningRate">Of the epoch.</param>
/// <param name="Targets">Numbers that were learned from.</param>
/// <param name="Samples">Rows stepped, forth and back.</param>
/// <param name="Seconds">Wall clock.</param>
public sealed record EpochRecord(int Epoch, double Loss, double Validation, double GradientNorm, double ClipRate, double LearningRate, long Targets,
    long Samples, double Seconds);

/// <summary>Training cannot continue: the loss is not finite.</summary>
public sealed class TrainingDivergedException(string message) : Exception(message);

/// <summary>
/// Truncated backpropagation through time: batch after batch forward, loss, back, clip, update; epoch after epoch, until they are done or
/// the validation loss has stopped falling. Keeps the parameters of the best epoch.
/// </summary>
/// <remarks>
/// A run is a pure function of its settings, initial parameters and data: order and dropout are drawn from the seed by epoch and batch, every
/// sum has one order. So is a run that goes on from a <see cref="Checkpoint"/>. A batch allocates nothing after the first.
/// </remarks>
public sealed class TrainingLoop : IDisposable
{
    private const ulong Dropout = 3;

    private readonly LoopSettings _settings;
    private readonly BatchSource _training;
    private readonly BatchSource? _validation;
    private readonly WindowNetwork _network;
    private readonly WindowBatch _batch;
    private readonly WindowBatch? _validationBatch;
    private readonly float[] _targets;
    private readonly float[] _gradient;
    private readonly float[] _parameters;
    private readonly float[] _best;
    private readonly Optimiser _optimiser;
    private readonly List<EpochRecord> _history = [];

    /// <param name="initial">The parameters to start from, in the order of <see cref="ParameterLayout"/>; copied.</param>
    /// <param name="validation">Measured after every epoch; null keeps the last epoch instead of the best.</param>
    public TrainingLoop(ModelShape shape, ReadOnlySpan<float> initial, BatchSource training, BatchSource? validation, LoopSettings settings)
    {
        (_settings, _training, _validation) = (settings, training, validation);
        int rows = Math.Max(training.MaxRows, validation?.MaxRows ?? 0), steps = Math.Max(training.MaxSteps, validation?.MaxSteps ?? 0);
        _network = WindowNetwork.Create(shape, rows, steps, settings.Threads);
        _batch = new WindowBatch(shape, training.MaxRows, training.MaxSteps, training.At);
        _validationBatch = validation is null ? null : new WindowBatch(shape, validation.MaxRows, validation.MaxSteps, validation.At);
        _targets = new float[Math.Max(TargetFloats(training), validation is null ? 0 : TargetFloats(validation))];
        (_parameters, _best, _gradient) = (initial.ToArray(), initial.ToArray(), new float[initial.Length]);
        _optimiser = new Optimiser(settings.Optimiser, initial.Length);
    }

    /// <summary>One record per epoch so far.</summary>
    public IReadOnlyList<EpochRecord> History => _history;

    /// <summary>The epoch whose parameters are kept: the one of the lowest validation loss, or the last. 0 where the start was better than any.</summary>
    public int BestEpoch { get; private set; }

    /// <summary>The validation loss of <see cref="BestEpoch"/>; NaN where there is no validation.</summary>
    public double BestValidation { get; private set; } = double.NaN;

    /// <summary>The parameters of <see cref="BestEpoch"/>.</summary>
    public ReadOnlySpan<float> Best => _best;

    /// <summary>No epoch is left, or patience is.</summary>
    public bool IsDone => _history.Count >= _settings.Epochs || (_settings.Patience > 0 && _history.Count - BestEpoch >= _settings.Patience);

    /// <summary>Trains to the end, or until it is asked to stop.</summary>
    /// <param name="afterEpoch">Called after each epoch, when it can be saved.</param>
    public void Run(Action<EpochRecord> afterEpoch, CancellationToken stop)
    {
        while (!IsDone)
        {
            stop.ThrowIfCancellationRequested();
            RunEpoch();
            afterEpoch(_history[^1]);
        }
    }

    /// <exception cref="TrainingDivergedException">The loss is not finite.</exception>
    public void RunEpoch()
    {
        long startedAt = Stopwatch.GetTimestamp();
        int epoch = _history.Count;
        if (epoch == 0)
            BestValidation = Validate();
        double rate = _settings.Optimiser.LearningRate * _settings.Schedule.Factor(epoch, [.. _history.Select(record => record.Validation)]);
        LossSum loss = default;
        double norms = 0;
        int clipped = 0;
        long samples = 0;
        int batches = _training.Begin(_settings.Seed, epoch);
        for (int i = 0; i < batches; i++)
        {
            int filled = _training.Fill(i, _batch, _targets);
            _batch.Dropout = new DropoutSettings(_settings.Dropout, _settings.Dropout, _settings.RecurrentDropout,
                SplitMix.Seed(_settings.Seed, Dropout, (ulong)_optimiser.Steps));
            _network.SetParameters(_parameters);
            _network.Forward(_batch);
            LossSum batchLoss = _settings.Loss.Evaluate(_batch.Outputs, _targets.AsSpan(0, filled), _batch.OutputGradients);
            if (batchLoss.Count == 0)
                continue;
            loss += batchLoss;
            _network.Backward(_batch, _gradient);

            double norm = Gradient.Norm(_gradient);
            RequireFinite(epoch + 1, batchLoss.Mean, norm);
            norms += norm;
            bool cut = _settings.ClipNorm > 0 && Gradient.ClipByNorm(_gradient, norm, _settings.ClipNorm);
            cut |= _settings.ClipValue > 0 && Gradient.ClipByValue(_gradient, (float)_settings.ClipValue);
            clipped += cut ? 1 : 0;
            _optimiser.Step(_parameters, _gradient, rate);
            samples += (long)_batch.Rows * _batch.Steps;
        }

        double validation = Validate();
        _history.Add(new EpochRecord(epoch + 1, loss.Mean, validation, norms / batches, (double)clipped / batches, rate, loss.Count, samples,
            Stopwatch.GetElapsedTime(startedAt).TotalSeconds));
        if (_validation is null || validation < BestValidation)
        {
            (BestEpoch, BestValidation) = (epoch + 1, validation);
            _parameters.CopyTo(_best, 0);
        }
    }

    /// <summary>Captures everything that the run needs to continue.</summary>
    public Checkpoint Save(string fingerprint) => new(fingerprint + _settings.Fingerprint, _parameters, _best, _optimiser.FirstMoment.ToArray(),
        _optimiser.SecondMoment.ToArray(), _optimiser.Steps, BestEpoch, BestValidation, [.. _history]);

    /// <summary>Takes a run up where it was saved.</summary>
    /// <exception cref="InvalidDataException">The checkpoint is of another run.</exception>
    public void Restore(Checkpoint checkpoint, string fingerprint)
    {
        if (checkpoint.Fingerprint != fingerprint + _settings.Fingerprint || checkpoint.Parameters.Length != _parameters.Length)
            throw new InvalidDataException("The checkpoint is of a run with other data or settings; give the same ones, or start afresh without --resume.");
        checkpoint.Parameters.CopyTo(_parameters, 0);
        checkpoint.Best.CopyTo(_best, 0);
        checkpoint.FirstMoment.CopyTo(_optimiser.FirstMoment);
        checkpoint.SecondMoment.CopyTo(_optimiser.SecondMoment);
        (_optimiser.Steps, BestEpoch, BestValidation) = (checkpoint.Steps, checkpoint.BestEpoch, checkpoint.BestValidation);
        _history.Clear();
        _history.AddRange(checkpoint.History);
    }

    public void Dispose() => _network.Dispose();

    private double Validate()
    {
        if (_validation is null || _validationBatch is null)
            return double.NaN;
        _network.SetParameters(_parameters);
        LossSum loss = default;
        int batches = _validation.Begin(_settings.Seed, 0);
        for (int i = 0; i < batches; i++)
        {
            int filled = _validation.Fill(i, _validationBatch, _targets);
            _network.Forward(_validationBatch);
            loss += _settings.Loss.Evaluate(_validationBatch.Outputs, _targets.AsSpan(0, filled), []);
        }
        return loss.Mean;
    }

    private void RequireFinite(int epoch, double loss, double norm)
    {
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
            throw new TrainingDivergedException(string.Create(CultureInfo.InvariantCulture, $"epoch {epoch}: the loss is {loss} and the gradient's norm {norm}; "
                + $"set a lower --lr than {_settings.Optimiser.LearningRate} or {(_settings.ClipNorm > 0 ? "a smaller" : "a")} --clip."));
    }

    private static int TargetFloats(BatchSource source) => source.MaxRows * (source.At == OutputsAt.LastStep ? 1 : source.MaxSteps) * source.TargetSize;
}
