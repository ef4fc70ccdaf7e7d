using StreamRnn.Detection;
using StreamRnn.Ingest;

namespace StreamRnn.Worker.Engine;

/// <summary>The models in use and which of them serves a stream: the first whose pattern matches, else the standard one.</summary>
public sealed class ModelMap
{
    private readonly Forecaster[] _models;
    private readonly StreamPattern[] _patterns;
    private readonly StreamDirectory? _directory;

    /// <summary>One model for every stream.</summary>
    public ModelMap(Forecaster standard) => (_models, _patterns) = ([standard], []);

    public ModelMap(Forecaster standard, StreamDirectory directory, IReadOnlyList<(StreamPattern Pattern, Forecaster Model)> byPattern)
    {
        _directory = directory;
        _patterns = [.. byPattern.Select(entry => entry.Pattern)];
        _models = [.. byPattern.Select(entry => entry.Model), standard];
    }

    public IReadOnlyList<Forecaster> Models => _models;

    /// <summary>Index into <see cref="Models"/>. Asked once, at the stream's first tick.</summary>
    public int ModelOf(int stream)
    {
        int model = 0;
        if (_directory is not null)
        {
            string name = _directory.Name(stream);
            while (model < _patterns.Length && !_patterns[model].Matches(name))
                model++;
        }
        return model;
    }
}
