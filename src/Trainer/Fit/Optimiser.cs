using System.Numerics;

namespace StreamRnn.Trainer.Fit;

/// <summary>The update rules, each as PyTorch defines it.</summary>
public enum OptimiserKind
{
    /// <summary>Stochastic gradient descent, with momentum where one is set.</summary>
    Sgd,

    /// <summary>Divides by the root of a running mean of squared gradients.</summary>
    RmsProp,

    /// <summary>Kingma and Ba, arXiv:1412.6980. Weight decay is added to the gradient.</summary>
    Adam,

    /// <summary>Loshchilov and Hutter, arXiv:1711.05101: Adam whose weight decay shrinks the parameters directly.</summary>
    AdamW,
}

/// <summary>Settings of an <see cref="Optimiser"/>. The defaults are PyTorch's.</summary>
public sealed record OptimiserSettings(OptimiserKind Kind)
{
    public double LearningRate { get; init; } = Kind is OptimiserKind.Sgd or OptimiserKind.RmsProp ? 0.01 : 0.001;

    /// <summary>Share of the last update that is kept; of SGD and RMSprop.</summary>
    public double Momentum { get; init; }

    /// <summary>Pulls every parameter towards zero.</summary>
    public double WeightDecay { get; init; } = Kind == OptimiserKind.AdamW ? 0.01 : 0;

    /// <summary>Memory of the mean gradient; of Adam and AdamW.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Memory of the mean squared gradient; of Adam and AdamW.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Memory of the mean squared gradient; of RMSprop.</summary>
    public double Alpha { get; init; } = 0.99;

    /// <summary>Keeps the division by a root finite.</summary>
    public double Epsilon { get; init; } = 1e-8;
}

/// <summary>
/// Moves a block of parameters against its gradient. With g the gradient, plus weight decay times p except in AdamW:
/// <code>
///   SGD       u = momentum u + g                                         p -= rate u
///   RMSprop   v = alpha v + (1 - alpha) g^2                              u = momentum u + g / (sqrt(v) + epsilon)    p -= rate u
///   Adam      m = beta1 m + (1 - beta1) g    v = beta2 v + (1 - beta2) g^2
///             p -= rate / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
///   AdamW     p *= 1 - rate decay, then as Adam
/// </code>
/// </summary>
/// <remarks>Element by element, so the bits do not depend on the vector width. Allocates nothing after construction.</remarks>
public sealed class Optimiser
{
    private readonly int _length;
    private readonly float[] _first;    // m, or u
    private readonly float[] _second;   // v

    /// <param name="settings">The rule.</param>
    /// <param name="length">Floats of the block.</param>
    public Optimiser(OptimiserSettings settings, int length)
    {
        (Settings, _length) = (settings, length);
        int padded = (length + Vector<float>.Count - 1) / Vector<float>.Count * Vector<float>.Count;
        (_first, _second) = (new float[padded], new float[padded]);
    }

    public OptimiserSettings Settings { get; }

    /// <summary>Updates made so far; to be restored with the moments.</summary>
    public long Steps { get; set; }

    /// <summary>Running mean of the gradients, or the momentum; in the order of the block. All there is to remember beside <see cref="Steps"/>.</summary>
    public Span<float> FirstMoment => _first.AsSpan(0, _length);

    /// <summary>Running mean of the squared gradients.</summary>
    public Span<float> SecondMoment => _second.AsSpan(0, _length);

    /// <summary>One update.</summary>
    /// <param name="parameters">Moved in place.</param>
    /// <param name="gradient">Of the loss by each parameter.</param>
    /// <param name="rate">The learning rate of this step, as a schedule has it.</param>
    public void Step(Span<float> parameters, ReadOnlySpan<float> gradient, double rate)
    {
        if (parameters.Length != _length || gradient.Length != _length)
            throw new ArgumentException($"The optimiser is of {_length} parameters, given {parameters.Length} and {gradient.Length} gradients.", nameof(parameters));
        Steps++;
        var step = new Rule(Settings, rate, Steps);
        int width = Vector<float>.Count;
        int whole = _length / width * width;
        for (int i = 0; i < whole; i += width)
            Step(in step, parameters.Slice(i, width), gradient.Slice(i, width), i);
        if (whole == _length)
            return;

        Span<float> lastParameters = stackalloc float[width], lastGradient = stackalloc float[width];
        parameters[whole..].CopyTo(lastParameters);
        gradient[whole..].CopyTo(lastGradient);
        Step(in step, lastParameters, lastGradient, whole);
        lastParameters[..(_length - whole)].CopyTo(parameters[whole..]);
    }

    private void Step(in Rule rule, Span<float> parameters, ReadOnlySpan<float> gradient, int at)
    {
        var p = new Vector<float>(parameters);
        var first = new Vector<float>(_first, at);
        var second = new Vector<float>(_second, at);
        rule.Apply(ref p, new Vector<float>(gradient), ref first, ref second);
        p.CopyTo(parameters);
        first.CopyTo(_first, at);
        second.CopyTo(_second, at);
    }

    /// <summary>The formula of one step, its constants worked out in double.</summary>
    private readonly struct Rule(OptimiserSettings settings, double rate, long steps)
    {
        private readonly OptimiserKind _kind = settings.Kind;
        private readonly float _momentum = (float)settings.Momentum, _decay = (float)settings.WeightDecay, _epsilon = (float)settings.Epsilon;
        private readonly float _rate = (float)rate;
        private readonly float _shrink = (float)(1 - rate * settings.WeightDecay);
        private readonly float _firstMemory = (float)settings.Beta1, _firstShare = (float)(1 - settings.Beta1);
        private readonly float _secondMemory = (float)SecondMemory(settings), _secondShare = (float)(1 - SecondMemory(settings));
        private readonly float _stepSize = (float)(rate / (1 - Power(settings.Beta1, steps)));
        private readonly float _rootOfCorrection = (float)Math.Sqrt(1 - Power(settings.Beta2, steps));

        public void Apply(ref Vector<float> p, Vector<float> g, ref Vector<float> first, ref Vector<float> second)
        {
            if (_kind == OptimiserKind.AdamW)
                p *= _shrink;
            else if (_decay != 0)
                g += p * _decay;

            if (_kind == OptimiserKind.Sgd)
            {
                first = first * _momentum + g;
                p -= first * _rate;
                return;
            }

            second = second * _secondMemory + g * g * _secondShare;
            if (_kind == OptimiserKind.RmsProp)
            {
                first = first * _momentum + g / (Vector.SquareRoot(second) + new Vector<float>(_epsilon));
                p -= first * _rate;
                return;
            }

            first = first * _firstMemory + g * _firstShare;
            p -= first / (Vector.SquareRoot(second) / new Vector<float>(_rootOfCorrection) + new Vector<float>(_epsilon)) * _stepSize;
        }

        private static double SecondMemory(OptimiserSettings settings) => settings.Kind == OptimiserKind.RmsProp ? settings.Alpha : settings.Beta2;

        /// <summary>Raises to a power by squaring: one order of multiplications for each exponent.</summary>
        private static double Power(double number, long exponent)
        {
            double result = 1;
            for (double square = number; exponent > 0; exponent >>= 1, square *= square)
            {
                if ((exponent & 1) != 0)
                    result *= square;
            }
            return result;
        }
    }
}
