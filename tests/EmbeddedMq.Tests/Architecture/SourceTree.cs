using System.Text.RegularExpressions;

namespace EmbeddedMq.Tests.Architecture;

/// <summary>A folder of the broker that a source file names in its text: a using directive or a qualified name, comments left out.</summary>
internal sealed record Mention(string File, int Line, string FromFolder, string ToFolder);

/// <summary>The source files beside the solution, as text.</summary>
internal static partial class SourceTree
{
    public static string RepositoryRoot { get; } = FindRepositoryRoot();

    /// <returns>Paths relative to <paramref name="root"/>, with forward slashes, without what a build leaves behind.</returns>
    public static IEnumerable<string> Files(string root)
        => Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(root, path).Replace('\\', '/'))
            .Where(path => !path.StartsWith("obj/", StringComparison.Ordinal) && !path.StartsWith("bin/", StringComparison.Ordinal));

    public static IEnumerable<Mention> Mentions(string file, IEnumerable<string> lines)
    {
        string fromFolder = file.Contains('/', StringComparison.Ordinal) ? file[..file.IndexOf('/', StringComparison.Ordinal)] : "";
        int number = 0;
        foreach (string line in lines)
        {
            number++;
            foreach (Match match in QualifiedName().Matches(WithoutComment(line)))
            {
                yield return new Mention(file, number, fromFolder, match.Groups["folder"].Value);
            }
        }
    }

    public static string WithoutComment(string line)
    {
        int start = line.IndexOf("//", StringComparison.Ordinal);
        return start < 0 ? line : line[..start];
    }

    [GeneratedRegex(@"\bEmbeddedMq\.(?<folder>[A-Z]\w*)")]
    private static partial Regex QualifiedName();

    private static string FindRepositoryRoot()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "EmbeddedMq.sln")))
            {
                return directory.FullName;
            }
        }

        throw new InvalidOperationException($"No EmbeddedMq.sln above {AppContext.BaseDirectory}: run the tests from their build output.");
    }
}
