namespace EmbeddedMq.Errors;

/// <content>Errors in definitions files. Reading collects them all, so they are texts; one exception holds them in the end.</content>
internal static partial class MqErrors
{
    /// <summary>The file is not JSON at all, or its root is no object.</summary>
    /// <param name="detail">What the parser says.</param>
    internal static string DefinitionsNotJson(string detail) => $"the file is not a JSON object: {detail}";

    /// <summary>A fault at a place.</summary>
    /// <param name="place">The place: <c>queues[3] (queue 'q' in vhost '/')</c>.</param>
    /// <param name="fault">The fault.</param>
    internal static string DefinitionFault(string place, string fault) => $"{place}: {fault}";

    /// <summary>A fault of a declaration or a binding: its arguments are longer than the broker can store.</summary>
    /// <param name="bytes">Their size when encoded.</param>
    /// <param name="maxBytes">The bound.</param>
    internal static string DefinitionArgumentsTooLong(long bytes, int maxBytes) => $"the arguments take {bytes} bytes, and may take {maxBytes}";

    /// <summary>A key is missing.</summary>
    /// <param name="place">The place.</param>
    /// <param name="key">The key.</param>
    internal static string DefinitionKeyMissing(string place, string key) => $"{place}: '{key}' is missing";

    /// <summary>A key that would be lost if it were passed over.</summary>
    /// <param name="place">The place.</param>
    /// <param name="key">The key.</param>
    internal static string DefinitionKeyUnknown(string place, string key) => $"{place}: '{key}' is not known; remove it";

    /// <summary>A value of another JSON type than needed.</summary>
    /// <param name="place">The place.</param>
    /// <param name="key">The key.</param>
    /// <param name="expected">What it should be: <c>a string</c>.</param>
    /// <param name="actual">The JSON that is there.</param>
    internal static string DefinitionOfWrongType(string place, string key, string expected, string actual)
        => $"{place}: '{key}' should be {expected}, but is {(actual.Length <= 60 ? actual : actual[..60] + "…")}";

    /// <summary>An object of a virtual host that the file does not list.</summary>
    /// <param name="place">The place.</param>
    /// <param name="virtualHost">The virtual host.</param>
    internal static string DefinitionOfUnknownVirtualHost(string place, string virtualHost)
        => $"{place}: vhost '{virtualHost}' is not listed in 'vhosts'";

    /// <summary>An end of a binding that the file does not hold.</summary>
    /// <param name="missing">That end as texts name it.</param>
    internal static string DefinitionLacks(string missing) => $"there is no {missing} in the file";

    /// <summary>The text of an error of the protocol, for use within another one.</summary>
    /// <param name="error">The error.</param>
    internal static string WithoutConstant(EmbeddedMqException error) => error.ReplyText[(ConstantOf(error.ReplyCode).Length + " - ".Length)..];

    /// <summary>Two definitions of one name that say different things.</summary>
    /// <param name="place">The place of the second.</param>
    /// <param name="key">The list.</param>
    internal static string DefinitionContradicted(string place, string key) => $"{place}: an earlier entry of '{key}' defines it differently";

    /// <summary>Something that would change what the broker does, and that it does not have.</summary>
    /// <param name="place">The place.</param>
    /// <param name="what">What it is.</param>
    /// <param name="advice">What to do.</param>
    internal static string DefinitionNotSupported(string place, string what, string advice) => $"{place}: {what} is not supported; {advice}";

    /// <summary>406: a value that JSON cannot hold.</summary>
    /// <param name="place">The place.</param>
    /// <param name="value">What it is.</param>
    internal static EmbeddedMqException NotExportable(string place, string value) => Management(
        ReplyCode.PreconditionFailed,
        $"cannot export {place}: {value} has no place in JSON",
        "Declare it with a number or text instead, or delete it before the export.");
}
