using StreamRnn.Detection;

namespace StreamRnn.Engine.Streams;

/// <summary>The model beside the executable, which serves every stream that no other model was named for.</summary>
public static class ShippedModel
{
    /// <summary>Name of the shipped model, accepted in place of a path.</summary>
    public const string Name = "default";

    public static string Path { get; } = System.IO.Path.Combine(AppContext.BaseDirectory, "models", "default.safetensors");

    /// <param name="path">A model file; null or <see cref="Name"/> for the shipped one.</param>
    /// <exception cref="InvalidDataException">The file is no model this build can step; says what to do.</exception>
    public static Forecaster Load(string? path) => ForecasterFile.Load(Resolve(path));

    public static string Resolve(string? path) => path is null or Name ? Path : path;
}
