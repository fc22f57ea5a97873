/* memlane._native.mapping: mmap.mmap whose exports are asked for.
 *
 * Written by hand because nothing else can do it from Python 3.10 on: a class written in Python cannot stand between its
 * users and the buffer protocol of its base before 3.12, and Cython cannot derive from mmap.mmap, whose struct no header
 * shows. A type made from a spec with basic size 0 takes over whatever size the base has. What Python can override is
 * overridden in memlane.map and memlane.access. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Where there is no global lock, the memory is used, exported and unmapped in turns: by this, and by Endpoint.unmap(). */
#ifdef Py_GIL_DISABLED
#define BEGIN_TURN(self) Py_BEGIN_CRITICAL_SECTION(self)
#define END_TURN() Py_END_CRITICAL_SECTION()
#else
#define BEGIN_TURN(self) {
#define END_TURN() }
#endif

/* Of mmap.mmap: the same functions in every interpreter of the process. Written while the module is initialised. */
static getbufferproc base_get_buffer;
static releasebufferproc base_release_buffer;

static PyObject *find_base(void) {
    PyObject *module = PyImport_ImportModule("mmap");
    PyObject *base = module == NULL ? NULL : PyObject_GetAttrString(module, "mmap");
    Py_XDECREF(module);
    if (base != NULL && (!PyType_Check(base) || ((PyTypeObject *)base)->tp_as_buffer == NULL)) {
        PyErr_SetString(PyExc_TypeError, "mmap.mmap is not the type that memlane derives from");
        Py_CLEAR(base);
    }
    return base;
}

/* For an error of mmap.mmap: raises Closed in its place where another thread closed the map. */
static void explain(PyObject *self) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *answer = PyObject_CallMethod(self, "_check_open", NULL);
    if (answer != NULL) {
        PyErr_Restore(type, value, traceback);
        Py_DECREF(answer);
        return;
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

/* self._export(writable) raises, or says whether the export may be written to: a plain export of a mapping that can be
 * written would otherwise be writable. */
static int get_buffer(PyObject *self, Py_buffer *view, int flags) {
    view->obj = NULL;
    PyObject *answer = PyObject_CallMethod(self, "_export", "i", (flags & PyBUF_WRITABLE) != 0);
    if (answer == NULL) {
        return -1;
    }
    int may_write = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    if (may_write < 0) {
        return -1;
    }
    int status;
    BEGIN_TURN(self);
    status = base_get_buffer(self, view, flags);
    END_TURN();
    if (status < 0) {
        explain(self);
        return -1;
    }
    if (!may_write) {
        view->readonly = 1;
    }
    return 0;
}

/* Tells self._exported() that one export fewer is there. May run while an exception is on its way. */
static void release_buffer(PyObject *self, Py_buffer *view) {
    PyObject *type, *value, *traceback;
    BEGIN_TURN(self);
    base_release_buffer(self, view);
    END_TURN();
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *answer = PyObject_CallMethod(self, "_exported", NULL);
    if (answer == NULL) {
        PyErr_WriteUnraisable(self);
    }
    Py_XDECREF(answer);
    PyErr_Restore(type, value, traceback);
}

PyDoc_STRVAR(address_doc, "_address($self, /)\n--\n\nReturn where the memory is.");

static PyObject *address(PyObject *self, PyObject *Py_UNUSED(nothing)) {
    Py_buffer view;
    int status;
    BEGIN_TURN(self);
    status = base_get_buffer(self, &view, PyBUF_SIMPLE);
    if (status == 0) {
        base_release_buffer(self, &view);
    }
    END_TURN();
    if (status < 0) {
        return NULL;
    }
    Py_DECREF(self); /* the view's: PyBuffer_Release would come by release_buffer */
    return PyLong_FromVoidPtr(view.buf);
}

static PyMethodDef methods[] = {
    {"_address", address, METH_NOARGS, address_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(mapping_doc, "mmap.mmap whose exports of memory `_export` allows and `_exported` is told the end of.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)mapping_doc},
    {Py_tp_methods, methods},
    {Py_bf_getbuffer, get_buffer},
    {Py_bf_releasebuffer, release_buffer},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "memlane._native.mapping.Mapping",
    .basicsize = 0,
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = slots,
};

#ifdef Py_GIL_DISABLED

static PyObject *call_in_turn(PyObject *method, PyObject *const *arguments, Py_ssize_t count, PyObject *names) {
    PyObject *self = count > 0 ? arguments[0] : method; /* method: refuses to be called without */
    PyObject *answer;
    BEGIN_TURN(self);
    answer = PyObject_Vectorcall(method, arguments, (size_t)count, names);
    END_TURN();
    return answer;
}

static PyMethodDef in_turn = {"in_turn", (PyCFunction)(void (*)(void))call_in_turn, METH_FASTCALL | METH_KEYWORDS,
                              NULL};

/* close() runs in the turn of Endpoint.unmap(), which a second one would interrupt. */
static int takes_turns(PyObject *name, PyObject *attribute) {
    return (Py_IS_TYPE(attribute, &PyMethodDescr_Type) && PyUnicode_CompareWithASCIIString(name, "close") != 0) ||
           PyUnicode_CompareWithASCIIString(name, "__getitem__") == 0 ||
           PyUnicode_CompareWithASCIIString(name, "__setitem__") == 0;
}

/* mmap.mmap itself takes no lock before Python 3.15. */
static int override(PyObject *type, PyObject *base) {
    PyObject *attributes = PyType_GetDict((PyTypeObject *)base), *name, *attribute;
    Py_ssize_t position = 0;
    int status = 0;
    while (status == 0 && PyDict_Next(attributes, &position, &name, &attribute)) {
        if (takes_turns(name, attribute)) {
            PyObject *function = PyCFunction_New(&in_turn, attribute);
            PyObject *method = function == NULL ? NULL : PyInstanceMethod_New(function);
            status = method == NULL ? -1 : PyObject_SetAttr(type, name, method);
            Py_XDECREF(method);
            Py_XDECREF(function);
        }
    }
    Py_DECREF(attributes);
    return status;
}

#else

static int override(PyObject *Py_UNUSED(type), PyObject *Py_UNUSED(base)) {
    return 0;
}

#endif

static int execute(PyObject *module) {
    PyObject *base = find_base();
    if (base == NULL) {
        return -1;
    }
    base_get_buffer = ((PyTypeObject *)base)->tp_as_buffer->bf_getbuffer;
    base_release_buffer = ((PyTypeObject *)base)->tp_as_buffer->bf_releasebuffer;
    PyObject *bases = PyTuple_Pack(1, base);
    PyObject *type = bases == NULL ? NULL : PyType_FromSpecWithBases(&spec, bases);
    int status = type == NULL || override(type, base) < 0 ? -1 : PyModule_AddType(module, (PyTypeObject *)type);
    Py_XDECREF(type);
    Py_XDECREF(bases);
    Py_DECREF(base);
    return status;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, execute},
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "memlane._native.mapping",
    .m_doc = "mmap.mmap whose exports are asked for.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit_mapping(void) {
    return PyModuleDef_Init(&definition);
}
